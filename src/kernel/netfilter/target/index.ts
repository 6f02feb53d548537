/** The targets that are modelled, by the name after `-j`; ACCEPT, DROP, RETURN and QUEUE are verdicts. */

import type { TargetKind } from '../extension.js';
import { connmark } from './connmark.js';
import { dscp, tos } from './dscp.js';
import { log, nflog, trace } from './log.js';
import { mark } from './mark.js';
import { masquerade } from './masquerade.js';
import { dnat, redirect, snat } from './nat.js';
import { ct, notrack } from './notrack.js';
import { reject } from './reject.js';
import { set } from './set.js';
import { tcpmss } from './tcpmss.js';

const TARGETS = {
  CONNMARK: connmark,
  CT: ct,
  DNAT: dnat,
  DSCP: dscp,
  LOG: log,
  MARK: mark,
  MASQUERADE: masquerade,
  NFLOG: nflog,
  NOTRACK: notrack,
  REDIRECT: redirect,
  REJECT: reject,
  SET: set,
  SNAT: snat,
  TCPMSS: tcpmss,
  TOS: tos,
  TRACE: trace,
} satisfies Record<string, TargetKind>;

const KINDS: ReadonlyMap<string, TargetKind> = new Map(Object.entries(TARGETS));

export const targetKind = (name: string): TargetKind | undefined => KINDS.get(name);
