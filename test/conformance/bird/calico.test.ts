/**
 * Calico's configurations are read, and daemons with them come to the routes that real ones came to on real
 * kernels (vectors/calico).
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import t from 'tap';
import { ConvergedNetwork, netnsSpeaker, parseConfig } from '../../../src/bird/index.js';
import { scenarios, startScenario } from './calico-nodes.js';

const FOLDER = join(resolve(process.env['PODWIRE_VECTORS'] ?? '../shared/vectors'), 'calico');
const skip = existsSync(join(FOLDER, 'bird-fib')) ? false : `no vectors at ${FOLDER}; set PODWIRE_VECTORS`;

function configFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.cfg'))
    .map((file) => join(folder, file));
}

const isMain = (file: string): boolean => /\/bird6?\.cfg$/.test(file);

t.test('every file that Calico renders is read', { skip }, (t) => {
  const files = ['confd', 'confd-generated'].flatMap((name) => configFiles(join(FOLDER, name)));
  t.ok(files.length > 500, `${files.length} files`);
  const read = new Set<string>();
  for (const file of files.filter(isMain)) {
    read.add(file);
    const folder = dirname(file);
    const { config, errors } = parseConfig(readFileSync(file, 'utf8'), {
      dialect: 'bird-1.6',
      family: file.endsWith('6.cfg') ? 'ipv6' : 'ipv4',
      file,
      files: {
        read: (path) => {
          const at = resolve(folder, path.replace(/^\/etc\/calico\/confd\/config\//, ''));
          read.add(at);
          return existsSync(at) ? readFileSync(at, 'utf8') : undefined;
        },
      },
    });
    t.strictSame(errors, [], file.slice(FOLDER.length));
    t.ok(config !== undefined && config.protocols.length >= 3);
  }
  // Whatever no main file includes is read by itself, between a definition that it leans on and nothing.
  for (const file of files) {
    if (read.has(file)) continue;
    const family = /6[_.]/.test(file.slice(file.lastIndexOf('/'))) ? 'ipv6' : 'ipv4';
    const text = `function calico_aggr() { }\nfunction apply_communities() { }\n${readFileSync(file, 'utf8')}`;
    const alone = parseConfig(
      text.includes('router id') ? text : `router id 1.1.1.1;\n${text}\nprotocol device { }\n`,
      { dialect: 'bird-1.6', family, file },
    );
    const own = alone.errors.filter(({ message }) => !/already defined|redefin/i.test(message));
    t.strictSame(own, [], file.slice(FOLDER.length));
  }
  t.end();
});

const SETTLE_S = 60;
const trimmed = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
/** Times of day are the recording's. */
const timeless = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/\d\d:\d\d:\d\d/g, 'hh:mm:ss').trimEnd());

/** Two sessions that fail again and again: which state they are in is a matter of the moment. */
const FLAPS: Readonly<Record<string, RegExp>> = {
  'mesh-node-as-override': /^Mesh_\S+ +BGP +master +start +\S+ +\S+ +(?<reason>.*Bad peer AS)$/,
};
function stable(scenario: string, lines: readonly string[]): string[] {
  const flaps = FLAPS[scenario];
  if (flaps === undefined) return timeless(lines);
  return timeless(lines).map((line) => {
    const reason = flaps.exec(line)?.groups?.['reason'];
    return reason === undefined ? line : `${line.split(' ')[0]} start ${reason}`;
  });
}

if (skip === false) {
  for (const scenario of scenarios()) {
    t.test(`routes and sessions of ${scenario}`, (t) => {
      const { fabric, nodes } = startScenario(scenario);
      fabric.run(SETTLE_S);
      for (const { recorded, daemon } of nodes) {
        const { name } = recorded;
        t.strictSame(
          fabric.routes(name).map((line) => line.trimEnd()),
          recorded.ipRoutes,
          `ip route of ${name}`,
        );
        const routes = timeless(trimmed(daemon.birdc('show route all')));
        t.strictSame(routes, timeless(recorded.birdRoutes), `birdc show route all of ${name}`);
        const protocols = stable(scenario, trimmed(daemon.birdc('show protocols')));
        t.strictSame(protocols, stable(scenario, recorded.protocols), `birdc show protocols of ${name}`);
      }
      // The same without messages, from what is in the namespaces now.
      const speakers = nodes.flatMap(({ recorded: { name }, daemon }) =>
        daemon.config === undefined ? [] : [netnsSpeaker(name, fabric.machine(name), daemon.config)],
      );
      const network = new ConvergedNetwork({ speakers });
      for (const { recorded, daemon } of nodes) {
        const text = (routes: readonly (readonly { net: unknown; origin: { name: string } }[])[]): string[] =>
          routes.map((all) => `${String(all[0]?.net)} ${all.map(({ origin }) => origin.name).join(' ')}`).toSorted();
        const { name } = recorded;
        t.strictSame(
          text(network.routes(name).map(({ routes }) => routes)),
          text(daemon.routes()),
          `computed routes of ${name}`,
        );
      }
      fabric.end();
      t.end();
    });
  }
}
