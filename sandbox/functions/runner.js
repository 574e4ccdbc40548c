'use strict'
// Runs a Destination Function in a context of its own. Told what to do in lines of JSON on the
// standard input, it tells what happens in lines of JSON on the standard output. Requests go out
// as such lines too: nothing here opens a connection.

const { AsyncLocalStorage } = require('node:async_hooks')
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const dns = require('node:dns')
const net = require('node:net')
const util = require('node:util')
const vm = require('node:vm')

const HANDLERS = [
  'onIdentify', 'onTrack', 'onPage', 'onScreen', 'onGroup', 'onAlias', 'onDelete', 'onBatch',
]
const LOGGED = 4096
const LONGEST = 2000

const call = new AsyncLocalStorage()
const out = process.stdout
const underWay = new Map() // id of a request -> the call that made it
const timers = new Map() // a timer that runs -> the call that set it
let logged = 0
let latest = 0
let load, inner, functions
let seal // so that nothing else that is written is taken for what is told

function tell(told) {
  out.write(JSON.stringify({ ...told, seal }) + '\n')
}

// Nothing leaves the machine, whatever package or global tries.

function closed(to) {
  tell({ told: 'egress', of: call.getStore() ?? latest, to })
  return Object.assign(new Error(`meterbox lets nothing out, to ${to} either`), {
    code: 'ECONNREFUSED',
  })
}

net.Socket.prototype.connect = function (...given) {
  const [to] = given.flat()
  const where = to?.host ?? to?.path ?? 'localhost'
  process.nextTick(() => this.destroy(closed(`${where}:${to?.port ?? ''}`)))
  return this
}
dgram.createSocket = () => {
  throw closed('a datagram socket')
}
for (const name of Object.keys(dns)) {
  if (/^(lookup|resolve|reverse)/.test(name)) {
    dns[name] = (host, ...rest) => process.nextTick(rest.pop(), closed(host))
    if (dns.promises[name]) dns.promises[name] = (host) => Promise.reject(closed(host))
  }
}

// What the function's context is lent.

function send(id, method, url, headers, bytes) {
  const body = bytes.toString('base64')
  tell({ told: 'fetch', of: underWay.get(id), id, method, url, headers: JSON.parse(headers), body })
}

function print(level, told) {
  const room = LOGGED - logged
  if (room <= 0) return
  let text
  try {
    text = util.format(...told.map((one) => (typeof one === 'string' ? one.slice(0, room) : one)))
  } catch (fault) {
    text = `(could not be shown: ${described(fault).message})`
  }
  logged += text.length
  tell({ told: 'log', of: call.getStore() ?? latest, level, text: text.slice(0, room) })
}

function lend(packages, found, path) {
  const { package: name } = packages[path]
  if (name?.startsWith('node:')) return require(name)
  if (found[path] !== undefined) return require(found[path])
  tell({ told: 'lacking', of: call.getStore() ?? latest, global: path })
  return undefined
}

function timer(set, once) {
  return (act, ...given) => {
    const own = set((...told) => {
      if (once) timers.delete(own)
      act(...told)
    }, ...given)
    timers.set(own, call.getStore() ?? latest)
    return own
  }
}

function clear(own) {
  timers.delete(own)
  clearTimeout(own)
}

function left(map, id) {
  return [...map.values()].filter((of) => of === id).length
}

function context(packages, found) {
  const around = vm.createContext({})
  const prelude = new vm.Script(load, { filename: 'meterbox' })
  const lent = {
    Buffer, URL, URLSearchParams, crypto, send, print,
    setTimeout: timer(setTimeout, true),
    setInterval: timer(setInterval, false),
    clearTimeout: clear,
    clearInterval: clear,
    packages: Object.keys(packages),
    lend: (path) => lend(packages, found, path),
    begun: (id) => underWay.set(id, call.getStore() ?? latest),
    ended: (id) => underWay.delete(id),
  }
  inner = prelude.runInContext(around)(lent)
  return around
}

// What was thrown, as plain texts; what is thrown may be anything, and hostile.

function text(read, otherwise, most = LONGEST) {
  try {
    return `${read()}`.slice(0, most)
  } catch {
    return otherwise
  }
}

function described(fault, file) {
  const object = typeof fault === 'object' && fault !== null
  const stack = object ? text(() => fault.stack ?? '', '') : ''
  const at = stack.split('\n').find((line) => file && line.includes(`${file}:`))
  return {
    name: object ? text(() => fault.name ?? 'Error', 'Error') : typeof fault,
    message: object ? text(() => fault.message ?? '', '') : text(() => fault, ''),
    line: at ? Number(at.slice(at.lastIndexOf(`${file}:`) + file.length + 1).split(':')[0]) : null,
  }
}

// What it can be told to do.

const acts = {
  seal(told) {
    seal = told.seal
  },

  load({ prelude, name, source, packages, found }) {
    load = prelude
    const around = context(packages, found)
    const given = HANDLERS.map((one) => `${one}: typeof ${one} === 'function' ? ${one} : undefined`)
    try {
      new vm.Script(source, { filename: name }).runInContext(around)
      const collect = new vm.Script(`({ ${given.join(', ')} })`, { filename: 'meterbox' })
      const all = collect.runInContext(around)
      functions = { name, all }
      tell({ told: 'loaded', handlers: HANDLERS.filter((one) => all[one] !== undefined) })
    } catch (fault) {
      tell({ told: 'unloadable', ...described(fault, name) })
    }
  },

  async invoke({ id, handler, input, settings }) {
    logged = 0
    latest = id
    const { name, all } = functions
    const end = { told: 'settled', of: id, threw: null, statuses: null }
    try {
      const value = await call.run(id, () => inner.invoke(all[handler], input, settings))
      if (handler === 'onBatch') end.statuses = reported(value)
    } catch (fault) {
      end.threw = described(fault, name)
    }
    const under = { unawaited: left(underWay, id), timers: left(timers, id) }
    await new Promise((resolve) => setImmediate(resolve)) // rejections nobody handles come first
    tell({ ...end, ...under })
  },

  answer({ id, ...told }) {
    inner.answer(id, JSON.stringify(told))
  },
}

// As it would be handed on: as JSON, in which a Response, for one, has no status.
function reported(value) {
  if (!Array.isArray(value)) return null
  const entries = JSON.parse(text(() => JSON.stringify(value), 'null', Infinity))
  if (!entries?.every((one) => Number.isInteger(one?.status))) return null
  return entries.map(({ status, errormessage }) => ({
    status,
    message: text(() => errormessage ?? '', ''),
  }))
}

function stray(fault) {
  const file = functions?.name
  tell({ told: 'rejection', of: call.getStore() ?? latest, ...described(fault, file) })
}
process.on('unhandledRejection', stray)
process.on('uncaughtException', stray)

let parts = []
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk) => {
  const [first, ...lines] = chunk.split('\n')
  parts.push(first)
  for (const line of lines) {
    const { act, ...told } = JSON.parse(parts.join(''))
    acts[act](told)
    parts = [line]
  }
})
process.stdin.on('end', () => process.exit(0))
tell({ told: 'ready' })
