/**
 * The first import of every suite: generated tests draw from a fixed seed, so that a run that passes passes
 * again. `PODWIRE_SEED=random npm test` draws others; a failure prints the seed that found it.
 */

import fc from 'fast-check';

const DEFAULT_SEED = 20_261_124;
const asked = process.env['PODWIRE_SEED'];
if (asked !== 'random') fc.configureGlobal({ seed: asked === undefined ? DEFAULT_SEED : Number(asked) });
