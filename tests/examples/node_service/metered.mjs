// A service that bills by use. Where Orb is, and with which key, is in the environment.
import Orb from 'orb-billing';

const orb = new Orb();

export const signUp = (customer, name, email) =>
  orb.customers.create({ external_customer_id: customer, name, email });

// A call, whose id is its key: told twice, it is billed once.
export const record = (customer, call, at) =>
  orb.events.ingest({
    events: [
      {
        event_name: 'api_call',
        idempotency_key: call,
        external_customer_id: customer,
        timestamp: at.toISOString(),
        properties: { region: 'eu' },
      },
    ],
  });

// How many events Orb counts since a time.
export async function volume(since) {
  const { data } = await orb.events.volume.list({ timeframe_start: since.toISOString() });
  return data.reduce((sum, hour) => sum + hour.count, 0);
}
