// Orb's official TypeScript client, unmodified: walks the surface, or asks for refusals.
// Arguments: base URL, and as JSON a list of what to do ("walk" or the name of an error class), with
// which key, and the time it is there. Prints one JSON object: what a Python test asserts.
import Orb from 'orb-billing';

const [baseURL, walks] = process.argv.slice(2);
let client, now;
const hour = 3_600_000;
const ago = (hours) => new Date(now - hours * hour).toISOString();
const external = 'en/cus/?1500';
const acme = () =>
  client.customers.create({ name: 'Acme', email: 'a@acme.test', external_customer_id: external });
const event = (key, hours, properties) => ({
  event_name: 'download',
  idempotency_key: key,
  timestamp: ago(hours),
  external_customer_id: external,
  properties,
});

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

async function customers() {
  const made = await acme();
  const fetched = await client.customers.fetch(made.id);
  const same = await client.customers.fetchByExternalID(external);
  const unchanged = await client.customers.update(made.id, {});
  const changed = await client.customers.updateByExternalID(external, { metadata: { a: 'b' } });
  const other = await client.customers.create({ name: 'Other', email: 'o@acme.test' });
  const listed = await all(
    client.customers.list({ limit: 1, 'created_at[gte]': ago(1), 'created_at[lt]': ago(-1) }),
  );
  await client.customers.delete(other.id);
  return {
    same: [fetched, same, unchanged].every((one) => one.id === made.id),
    metadata: changed.metadata,
    listed: listed.map((one) => one.name),
    deleted: (await client.customers.fetch(other.id)).deleted,
  };
}

async function metrics() {
  const sql = 'SELECT count(*) FROM events';
  const made = await client.metrics.create({ name: 'M', description: null, item_id: 'i', sql });
  const fetched = await client.metrics.fetch(made.id);
  const changed = await client.metrics.update(made.id, { metadata: { a: 'b' } });
  const listed = await all(client.metrics.list({ limit: 1 }));
  return {
    same: fetched.id === made.id,
    metadata: changed.metadata,
    status: fetched.status,
    listed: listed.map((one) => one.name),
  };
}

async function events() {
  const sent = ['a', 'b', 'c'].map((key, n) => event(key, 1, { bytes: n }));
  const ingested = await client.events.ingest({ events: sent });
  const amended = await client.events.update('a', {
    event_name: 'download',
    timestamp: ago(1),
    external_customer_id: external,
    properties: { bytes: 7 },
  });
  const deprecated = await client.events.deprecate('b');
  const found = await client.events.search({ event_ids: ['a', 'b', 'nobody'] });
  const volume = await client.events.volume.list({ timeframe_start: ago(2) });
  return {
    ingested,
    amended: amended.amended,
    deprecated: deprecated.deprecated,
    found: found.data.map((one) => [one.id, one.deprecated, one.properties.bytes]),
    counted: volume.data.some((one) => one.count > 0),
  };
}

async function backfills() {
  const create = (hours) =>
    client.events.backfills.create({
      timeframe_start: ago(hours),
      timeframe_end: ago(hours - 24),
      replace_existing_events: false,
    });
  const one = await create(72);
  const other = await create(120);
  await client.events.ingest({ events: [event('old', 60, {})], backfill_id: one.id });
  const closed = await client.events.backfills.close(one.id);
  const reverted = await client.events.backfills.revert(other.id);
  const fetched = await client.events.backfills.fetch(one.id);
  return {
    same: closed.id === one.id,
    ingested: fetched.events_ingested,
    reverted: reverted.status,
    listed: (await all(client.events.backfills.list({ limit: 1 }))).length,
  };
}

async function walk() {
  return {
    ping: (await client.topLevel.ping()).response,
    customers: await customers(),
    metrics: await metrics(),
    events: await events(),
    backfills: await backfills(),
  };
}

// How to be refused so; the faults that a few need are set before.
const refused = {
  RequestValidationError: () => client.customers.create({ name: '', email: 'x@y.test' }),
  ConstraintViolation: async () =>
    client.customers.update((await acme()).id, { external_customer_id: 'another' }),
  DuplicateResourceCreation: async () => [await acme(), await acme()],
  OrbAuthenticationError: () => client.withOptions({ apiKey: 'bad_key' }).topLevel.ping(),
  ResourceNotFound: () => client.customers.fetchByExternalID('nobody/here'),
  URLNotFound: () => client.get('/nothing'),
  ResourceConflict: acme,
  RequestTooLarge: () =>
    client.events.ingest({ events: Array.from({ length: 501 }, (_, n) => event(`${n}`, 0, {})) }),
  TooManyRequests: acme,
  OrbInternalServerError: acme,
};

async function refusal(name) {
  try {
    await refused[name]();
    return { error: null };
  } catch (error) {
    return {
      error: error.constructor.name,
      is: error instanceof Orb.APIError && (Orb[name] === undefined || error instanceof Orb[name]),
      status: error.status,
    };
  }
}

const told = {};
for (const [what, apiKey, time] of JSON.parse(walks)) {
  client = new Orb({ baseURL, apiKey, maxRetries: 0 });
  now = new Date(time);
  told[what] = await (what === 'walk' ? walk() : refusal(what));
}
console.log(JSON.stringify(told));
