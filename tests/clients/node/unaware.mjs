// Orb's official client, told of nothing but its key; prints what it was answered.
import Orb from 'orb-billing';

const client = new Orb({ apiKey: process.argv[2], maxRetries: 0 });
const customer = { name: 'Acme', email: 'a@acme.test', external_customer_id: 'acme' };
try {
  const made = await client.customers.create(customer);
  console.log(JSON.stringify({ made: made.external_customer_id }));
} catch (error) {
  console.log(JSON.stringify({ status: error.status, message: error.message, cause: String(error.cause?.cause) }));
}
