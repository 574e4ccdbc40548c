// Kana's official browser client, unmodified: its sources bundled for Node, as its own build is for
// browsers only. Arguments: endpoint, and as JSON how to show who asks; without them, each line of
// the standard input is both, as JSON. Prints what it was told, a line each time.
import Module, { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';

const require = createRequire(import.meta.url);
const built = buildSync({
  entryPoints: [new URL('node_modules/@usekana/client-kana-js/src/index.ts', import.meta.url).pathname],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  keepNames: true,
  write: false,
});
const bundle = new Module('kana.cjs');
bundle.require = require;
bundle._compile(built.outputFiles[0].text, 'kana.cjs');
const { KanaUserClient } = bundle.exports;

const told = ({ data, error }) =>
  error ? { error: error.constructor.name, name: error.name, message: error.message } : data;

async function ask(endpoint, shown) {
  let errors = 0;
  const client = new KanaUserClient({ ...shown, endpoint, onError: async () => { errors += 1; } });
  const packages = await client.getSubscribedPackages();
  const features = await client.getSubscribedFeatures();
  const can = {};
  for (const id of ['messages', 'calls', 'sso', 'reports', 'nothing']) {
    can[id] = told(await client.canUseFeature(id));
  }
  console.log(JSON.stringify({ packages: told(packages), features: told(features), can, errors }));
}

if (process.argv.length > 2) {
  const [endpoint, shown] = process.argv.slice(2);
  await ask(endpoint, JSON.parse(shown));
} else {
  for await (const line of createInterface({ input: process.stdin })) await ask(...JSON.parse(line));
}
