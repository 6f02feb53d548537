/** `ip maddress [show] [dev D]` (ip/ipmaddr.c): groups that devices listen to. */

import type { Device, Netns } from '../../kernel/index.js';
import { groupsOf, linkGroupsOf } from '../groups.js';
import { ok, type ToolResult } from '../tool.js';
import { devicesOf } from './device.js';
import { type OutputForm, printRows, Row } from './row.js';
import { isResult, readSelector } from './selector.js';

export interface GroupForm extends OutputForm {
  readonly family: string;
}

interface Group {
  readonly text: string;
  readonly json: Readonly<Record<string, string>>;
}

function shownGroups(dev: Device, family: string): readonly Group[] {
  const link = linkGroupsOf(dev).map((mac) => ({ text: `link  ${mac}`, json: { link: mac } }));
  const inet = groupsOf(dev).map((address) => ({ text: `inet  ${address}`, json: { family: 'inet', address } }));
  if (family === 'any') return [...link, ...inet];
  return family === 'link' ? link : family === 'inet' ? inet : [];
}

/** With `-o` each group has a line with its device. */
function rowsOf(dev: Device, { family, oneLine, json }: GroupForm): readonly Row[] {
  const head = `${dev.ifindex}:\t${dev.name}`;
  const groups = shownGroups(dev, family);
  if (groups.length === 0) return [];
  if (oneLine && !json) return groups.map(({ text }) => new Row().say(`${head}\n\t${text}`));
  const row = new Row().note('ifindex', dev.ifindex).note('ifname', dev.name).say(head);
  for (const { text } of groups) row.say(`\n\t${text}`);
  return [
    row.note(
      'maddr',
      groups.map((group) => group.json),
    ),
  ];
}

export function showGroups(netns: Netns, words: readonly string[], form: GroupForm): ToolResult {
  const selector = readSelector(words, { dev: 'value' }, 'dev');
  if (isResult(selector)) return selector;
  const name = selector.values.get('dev');
  const devices = devicesOf(netns).filter((dev) => name === undefined || dev.name === name);
  return ok(
    printRows(
      devices.flatMap((dev) => rowsOf(dev, form)),
      form,
    ),
  );
}
