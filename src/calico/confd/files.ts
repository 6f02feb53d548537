/** The thin part: texts into a host's files, and which daemons have to read theirs again. */

import type { ConfdCluster } from './cluster.js';
import type { ConfdHost } from './model.js';
import { CONFD_FILES, CONFD_FOLDER, type ConfdFile, renderConfd } from './render.js';

export interface ConfdRun {
  readonly changed: readonly ConfdFile[];
  /** `sv hup bird`, `sv hup bird6`: a daemon is told to read its files when, and only when, one has changed. */
  readonly reload: { readonly bird: boolean; readonly bird6: boolean };
}

const confdPath = (file: ConfdFile): string => `${CONFD_FOLDER}/${file}`;

/** Writes what differs; confd/pkg/resource/template/resource.go:sync(). */
export function runConfd(files: Map<string, string>, cluster: ConfdCluster, host: ConfdHost): ConfdRun {
  const rendered = renderConfd(cluster, host);
  const changed =
    rendered === undefined ? [] : CONFD_FILES.filter((file) => files.get(confdPath(file)) !== rendered[file]);
  for (const file of changed) files.set(confdPath(file), rendered?.[file] ?? '');
  return {
    changed,
    reload: {
      bird: changed.some((file) => !file.startsWith('bird6')),
      bird6: changed.some((file) => file.startsWith('bird6')),
    },
  };
}
