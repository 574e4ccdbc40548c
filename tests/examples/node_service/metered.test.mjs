import assert from 'node:assert/strict';
import test from 'node:test';
import { record, signUp, volume } from './metered.mjs';

test('a call is billed once, however often it is told', async () => {
  const now = new Date();
  await signUp('acme', 'Acme', 'billing@acme.test');
  for (const call of ['c-1', 'c-2', 'c-1']) await record('acme', call, now);
  assert.equal(await volume(new Date(now - 3_600_000)), 2);
});
