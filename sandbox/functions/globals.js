'use strict'
// What a Destination Function finds around it. Evaluated inside the function's own context, so
// that errors, promises and JSON are of its realm; `outer` is what the runner lends.
;(function (outer) {
  const { Buffer, URL, URLSearchParams, send, print, lend } = outer
  const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/
  const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/
  const waiting = new Map()
  const calls = { next: 1 }

  class Named extends Error {
    constructor(message) {
      super(message)
      this.name = this.constructor.name
    }
  }
  class RetryError extends Named {}
  class EventNotSupported extends Named {}
  class InvalidEventPayload extends Named {}
  class ValidationError extends Named {}

  // fetch is node-fetch 2: its classes, defaults and messages.

  class FetchError extends Error {
    constructor(message, type, cause) {
      super(message)
      this.name = 'FetchError'
      this.type = type
      if (cause) this.code = this.errno = cause.code
    }
  }

  class AbortError extends Error {
    constructor(message) {
      super(message)
      this.name = 'AbortError'
      this.type = 'aborted'
    }
  }

  function named(name) {
    const text = `${name}`
    if (!TOKEN.test(text)) throw new TypeError(`${text} is not a legal HTTP header name`)
    return text.toLowerCase()
  }

  function valued(value) {
    const text = `${value}`
    if (NOT_IN_VALUE.test(text)) throw new TypeError(`${text} is not a legal HTTP header value`)
    return text
  }

  class Headers {
    #fields = new Map()

    constructor(init) {
      if (init === undefined || init === null) return
      if (typeof init !== 'object') throw new TypeError('Provided initializer must be an object')
      const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init)
      for (const [name, value] of pairs) this.append(name, value)
    }
    append(name, value) {
      const at = named(name)
      this.#fields.set(at, [...(this.#fields.get(at) ?? []), valued(value)])
    }
    set(name, value) {
      this.#fields.set(named(name), [valued(value)])
    }
    get(name) {
      return this.#fields.get(named(name))?.join(', ') ?? null
    }
    has(name) {
      return this.#fields.has(named(name))
    }
    delete(name) {
      this.#fields.delete(named(name))
    }
    raw() {
      return Object.fromEntries(this.#fields)
    }
    forEach(visit, self) {
      for (const [name, value] of this) visit.call(self, value, name, this)
    }
    *entries() {
      for (const name of [...this.#fields.keys()].sort()) yield [name, this.get(name)]
    }
    *keys() {
      for (const [name] of this.entries()) yield name
    }
    *values() {
      for (const [, value] of this.entries()) yield value
    }
    [Symbol.iterator]() {
      return this.entries()
    }
  }

  function mediaOf(body) {
    if (body === null || body === undefined || ArrayBuffer.isView(body)) return null
    if (body instanceof URLSearchParams) return 'application/x-www-form-urlencoded;charset=UTF-8'
    if (typeof body.getBoundary === 'function') {
      return `multipart/form-data;boundary=${body.getBoundary()}`
    }
    if (typeof body.pipe === 'function' || isArrayBuffer(body)) return null
    return 'text/plain;charset=UTF-8'
  }

  function isArrayBuffer(body) {
    return Object.prototype.toString.call(body) === '[object ArrayBuffer]'
  }

  async function bytesOf(body) {
    if (body === null || body === undefined) return Buffer.alloc(0)
    if (ArrayBuffer.isView(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    if (isArrayBuffer(body)) return Buffer.from(body)
    if (typeof body.pipe !== 'function') return Buffer.from(`${body}`)
    const parts = []
    await new Promise((resolve, reject) => {
      body.on('data', (part) => parts.push(Buffer.from(part)))
      body.on('error', reject)
      body.on('end', resolve)
      body.resume?.()
    })
    return Buffer.concat(parts)
  }

  class Body {
    #body
    #used = false

    constructor(body) {
      this.#body = body ?? null
    }
    get body() {
      return this.#body
    }
    get bodyUsed() {
      return this.#used
    }
    async buffer() {
      if (this.#used) throw new TypeError(`body used already for: ${this.url}`)
      this.#used = true
      return bytesOf(this.#body)
    }
    async text() {
      return (await this.buffer()).toString()
    }
    async json() {
      const text = await this.text()
      try {
        return JSON.parse(text)
      } catch (fault) {
        const why = `invalid json response body at ${this.url} reason: ${fault.message}`
        throw new FetchError(why, 'invalid-json')
      }
    }
    async arrayBuffer() {
      const bytes = await this.buffer()
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    }
  }

  class Response extends Body {
    constructor(body, init = {}) {
      super(body)
      const { url = '', status = 200, statusText = '', headers } = init
      const told = { url, status, statusText, headers: new Headers(headers), redirected: false }
      told.ok = status >= 200 && status < 300
      for (const [name, value] of Object.entries(told)) {
        Object.defineProperty(this, name, { value })
      }
    }
    clone() {
      if (this.bodyUsed) throw new Error('cannot clone body after it is used')
      const { url, status, statusText, headers } = this
      return new Response(this.body, { url, status, statusText, headers })
    }
  }

  function absolute(given) {
    const text = given && given.href ? given.href : `${given}`
    let url
    try {
      url = new URL(text)
    } catch {
      throw new TypeError('Only absolute URLs are supported')
    }
    if (!/^https?:$/.test(url.protocol)) throw new TypeError('Only HTTP(S) protocols are supported')
    return url
  }

  class Request extends Body {
    constructor(input, init = {}) {
      const from = input instanceof Request ? input : {}
      const body = init.body ?? from.body ?? null
      const method = `${init.method ?? from.method ?? 'GET'}`.toUpperCase()
      if (body !== null && (method === 'GET' || method === 'HEAD')) {
        throw new TypeError('Request with GET/HEAD method cannot have body')
      }
      super(body)
      const url = from.url === undefined ? absolute(input) : new URL(from.url)
      const headers = new Headers(init.headers ?? from.headers)
      const media = mediaOf(body)
      if (media && !headers.has('content-type')) headers.append('Content-Type', media)
      this.method = method
      this.url = url.href
      this.headers = headers
      this.timeout = init.timeout ?? 0
      this.signal = init.signal ?? from.signal ?? null
    }
  }

  function defaults(request, length) {
    const { headers } = request
    const url = new URL(request.url)
    if (url.username || url.password) {
      const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
      if (!headers.has('authorization')) headers.set('Authorization', `Basic ${btoa(pair)}`)
    }
    if (!headers.has('accept')) headers.set('Accept', '*/*')
    if (length || /^(POST|PUT)$/.test(request.method)) headers.set('Content-Length', `${length}`)
    if (!headers.has('user-agent')) {
      headers.set('User-Agent', 'node-fetch/1.0 (+https://github.com/bitinn/node-fetch)')
    }
    if (!headers.has('accept-encoding')) headers.set('Accept-Encoding', 'gzip,deflate')
    if (!headers.has('connection')) headers.set('Connection', 'close')
    return [...headers]
  }

  function fetch(input, init) {
    // Counted from the moment it is called: a body may take a while to be read.
    const id = calls.next++
    outer.begun(id)
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, url: '' })
      dispatch(id, input, init).catch((fault) => settle(id, 'reject', fault))
    })
  }

  async function dispatch(id, input, init) {
    const request = new Request(input, init)
    const { url, method, timeout, signal } = request
    waiting.get(id).url = url
    if (signal?.aborted) throw new AbortError('The user aborted a request.')
    const bytes = await bytesOf(request.body)
    if (!waiting.has(id)) return
    send(id, method, url, JSON.stringify(defaults(request, bytes.length)), bytes)
    if (timeout > 0) {
      const late = new FetchError(`network timeout at: ${url}`, 'request-timeout')
      waiting.get(id).timer = outer.setTimeout(() => settle(id, 'reject', late), timeout)
    }
    const abort = () => settle(id, 'reject', new AbortError('The user aborted a request.'))
    signal?.addEventListener('abort', abort)
  }

  function settle(id, how, what) {
    const caller = waiting.get(id)
    if (caller === undefined) return
    waiting.delete(id)
    outer.clearTimeout(caller.timer)
    outer.ended(id)
    caller[how](what)
  }

  function answer(id, told) {
    const url = waiting.get(id)?.url
    const { status, statusText, headers, body, reason, code } = JSON.parse(told)
    if (reason !== undefined) {
      const why = `request to ${url} failed, reason: ${reason}`
      settle(id, 'reject', new FetchError(why, 'system', { code }))
      return
    }
    const init = { url, status, statusText, headers }
    settle(id, 'resolve', new Response(Buffer.from(body, 'base64'), init))
  }

  // As the packages of these names have them: bytes, and never an error.
  const btoa = (text) => Buffer.from(`${text}`, 'binary').toString('base64')
  const atob = (text) => Buffer.from(`${text}`, 'base64').toString('binary')

  const console = {}
  for (const level of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir']) {
    console[level] = (...told) => print(level, told)
  }

  const kept = new Map()
  const cache = {
    async load(key, ttl, make) {
      const found = kept.get(key)
      if (found && Date.now() < found.until) return found.value
      const value = await make()
      kept.set(key, { value, until: ttl === undefined || ttl === -1 ? Infinity : Date.now() + ttl })
      return value
    },
    delete(key) {
      kept.delete(key)
    },
  }

  const { setTimeout, clearTimeout, setInterval, clearInterval, crypto } = outer
  const given = {
    Buffer, EventNotSupported, Headers, InvalidEventPayload, Request, Response, RetryError, URL,
    URLSearchParams, ValidationError, atob, btoa, cache, clearInterval, clearTimeout, console,
    crypto, fetch, setInterval, setTimeout,
  }
  for (const [name, value] of Object.entries(given)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }

  function offer(onto, [name, ...inside], get) {
    if (inside.length > 0) {
      const own = Object.getOwnPropertyDescriptor(onto, name)
      if (!own) Object.defineProperty(onto, name, { value: {}, configurable: true, writable: true })
      return offer(onto[name], inside, get)
    }
    const set = (value) =>
      Object.defineProperty(onto, name, { value, configurable: true, writable: true })
    Object.defineProperty(onto, name, { get, set, configurable: true })
  }
  for (const path of outer.packages) offer(globalThis, path.split('.'), () => lend(path))

  async function invoke(handler, input, settings) {
    return handler(JSON.parse(input), JSON.parse(settings))
  }

  return { answer, invoke }
})
