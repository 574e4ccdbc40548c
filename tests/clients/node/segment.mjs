// Segment's official Node client, unmodified. Arguments: write key, and its host and path unless
// they are Segment's own. Prints what it told of errors and what was delivered.
import { Analytics } from '@segment/analytics-node';

const [writeKey, host, path] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, maxRetries: 3, host, path });
const errors = [];
const delivered = [];
analytics.on('error', ({ code, reason }) => errors.push(`${code}: ${reason?.message ?? reason}`));

const keep = (error, context) => error ?? delivered.push(context.event.messageId);
const userId = 'u1';
analytics.identify({ userId, traits: { email: 'u1@acme.test' } }, keep);
analytics.group({ userId, groupId: 'acme' }, keep);
analytics.track({ userId, event: 'api_call', properties: { region: 'us-east-1' } }, keep);
analytics.page({ userId, category: 'Docs', name: 'Home' }, keep);
analytics.screen({ userId, name: 'Bill' }, keep);
analytics.alias({ userId, previousId: 'anonymous' }, keep);
await analytics.closeAndFlush();
console.log(JSON.stringify({ errors, delivered }));
