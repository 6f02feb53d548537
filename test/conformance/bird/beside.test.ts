/** The same machines with real daemons, in namespaces, and with ours: `birdc` and the kernel's tables say the same. */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { ourAnswers, realAnswers, type Scene } from './beside.js';
import { CONFIGURING } from './configuring.js';
import { PIPES } from './pipes.js';
import { whyNoBird16 } from './real-bird16.js';
import { whyNoBird2 } from './real-bird2.js';

function whyNoNetns(): string | undefined {
  const name = `pwb${process.pid}-try`;
  const { status, stderr } = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'delete', name]);
  return status === 0 ? undefined : `no network namespaces here: ${stderr ?? 'ip is not there'}`;
}

const skip = whyNoBird2() ?? whyNoBird16() ?? whyNoNetns() ?? false;

t.setTimeout(900_000);

const SCENES: readonly Scene[] = [...PIPES, ...CONFIGURING];

for (const [number, scene] of SCENES.entries()) {
  t.test(scene.name, { skip }, async (t) => {
    const real = await realAnswers(scene, number);
    const ours = ourAnswers(scene);
    for (const [asked, answer] of real) t.equal(ours.get(asked), answer, asked);
  });
}
