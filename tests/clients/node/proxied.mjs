// What Node.js 20 needs to go by HTTPS_PROXY: node --import ./proxied.mjs service.mjs
import https from 'node:https';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

setGlobalDispatcher(new EnvHttpProxyAgent()); // fetch
https.globalAgent = new HttpsProxyAgent(process.env.HTTPS_PROXY); // node-fetch and others that use node:https
