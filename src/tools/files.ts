/** `cat`, `ls`, `hostname`: files of a host, and those that the kubelet writes for a pod. */

import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

const files = ({ cluster, netns, pod }: ToolPlace): ReadonlyMap<string, string> => cluster.filesAt(netns.host, pod);

export const cat: Tool = (place, args) => {
  const known = files(place);
  return args
    .map((path): ToolResult => {
      const content = known.get(path);
      return content === undefined ? failure(1, `cat: ${path}: No such file or directory`) : ok(content);
    })
    .reduce(
      (all, one) => ({
        exitCode: Math.max(all.exitCode, one.exitCode),
        stdout: all.stdout + one.stdout,
        stderr: all.stderr + one.stderr,
      }),
      ok(''),
    );
};

export const ls: Tool = (place, args) => {
  const folder = (args.find((word) => !word.startsWith('-')) ?? '/').replace(/\/+$/, '');
  const names = new Set<string>();
  for (const path of files(place).keys()) {
    if (path === folder) names.add(path);
    else if (path.startsWith(`${folder}/`)) names.add(path.slice(folder.length + 1).split('/')[0] ?? '');
  }
  return names.size === 0
    ? failure(2, `ls: cannot access '${folder}': No such file or directory`)
    : ok(lines([...names].sort()));
};

export const hostname: Tool = ({ cluster, netns, pod }) => ok(`${cluster.hostnameAt(netns.host, pod)}\n`);
