/** The same machines with real daemons, in namespaces, and with ours: `birdc` and the kernel's tables say the same. */

import { spawnSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { ourAnswers, realAnswers, type Scene } from './beside.js';
import { CONFIGURING } from './configuring.js';
import { PIPES } from './pipes.js';
import { whyNoBird16 } from './real-bird16.js';
import { whyNoBird2 } from './real-bird2.js';
import { USUAL } from './usual.js';

function whyNoNetns(): string | undefined {
  const name = `pwb${process.pid}-try`;
  const { status, stderr } = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'delete', name]);
  return status === 0 ? undefined : `no network namespaces here: ${stderr ?? 'ip is not there'}`;
}

const skip = whyNoBird2() ?? whyNoBird16() ?? whyNoNetns() ?? false;

t.setTimeout(900_000);

const compare = (t: Test, scene: Scene, real: ReadonlyMap<string, string>): void => {
  const ours = ourAnswers(scene);
  for (const [asked, answer] of real) t.equal(ours.get(asked), answer, asked);
};

for (const [number, scene] of [...PIPES, ...CONFIGURING].entries()) {
  t.test(scene.name, { skip }, async (t) => compare(t, scene, await realAnswers(scene, number)));
}

t.test('what comes to rest and stays so, all at once', { skip }, async (t) => {
  const first = PIPES.length + CONFIGURING.length;
  const real = await Promise.all(USUAL.map((scene, i) => realAnswers(scene, first + i)));
  for (const [i, scene] of USUAL.entries()) {
    t.test(scene.name, (t) => {
      compare(t, scene, real[i] ?? new Map());
      t.end();
    });
  }
});
