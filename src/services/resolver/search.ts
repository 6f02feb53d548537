/** A name tried with the domains of the search list (glibc resolv/res_query.c:__res_context_search()). */

import { DNS_RCODE, type DnsMessage, isDnsName } from '../../packet/index.js';
import { type ResolverPlace, Transaction, type TransactionResult } from './transaction.js';

/** As h_errno has it (resolver(3)). */
export type LookupFailure = 'HOST_NOT_FOUND' | 'TRY_AGAIN' | 'NO_RECOVERY' | 'NO_DATA';

export type LookupResult =
  | { readonly kind: 'found'; readonly name: string; readonly messages: readonly DnsMessage[] }
  | { readonly kind: 'failed'; readonly why: LookupFailure };

type Done = (result: LookupResult) => void;

/** One try: what it found, or how it failed. */
type Try =
  | { readonly kind: 'found'; readonly messages: readonly DnsMessage[] }
  | { readonly kind: 'failed'; readonly why: LookupFailure; readonly servFail: boolean; readonly refused: boolean };

const hasAnswers = ({ rcode, answers }: DnsMessage): boolean => rcode === DNS_RCODE.noError && answers.length > 0;

/** __res_context_query(): of two answers, one that has something counts; else the error of that which came first. */
function judge(result: TransactionResult): Try {
  if (result.kind === 'failed') {
    const servFail = result.last?.rcode === DNS_RCODE.servFail;
    return { kind: 'failed', why: 'TRY_AGAIN', servFail, refused: result.refused };
  }
  const { messages } = result;
  if (messages.some(hasAnswers)) return { kind: 'found', messages };
  const rcode = messages.find((message) => message.rcode !== DNS_RCODE.noError)?.rcode ?? DNS_RCODE.noError;
  const failed = { kind: 'failed', servFail: rcode === DNS_RCODE.servFail, refused: false } as const;
  switch (rcode) {
    case DNS_RCODE.noError:
      return { ...failed, why: 'NO_DATA' };
    case DNS_RCODE.nxDomain:
      return { ...failed, why: 'HOST_NOT_FOUND' };
    case DNS_RCODE.servFail:
      return { ...failed, why: 'TRY_AGAIN' };
    default:
      return { ...failed, why: 'NO_RECOVERY' };
  }
}

interface Search {
  readonly place: ResolverPlace;
  readonly types: readonly string[];
  readonly done: Done;
  /** How the name failed where it was tried as it is, before the list. */
  asIs: LookupFailure | undefined;
  noData: boolean;
  servFail: boolean;
  last: LookupFailure;
}

function attempt(search: Search, name: string, then: (tried: Try) => void): void {
  if (!isDnsName(name)) then({ kind: 'failed', why: 'NO_RECOVERY', servFail: false, refused: false });
  else new Transaction(search.place, name, search.types, (result) => then(judge(result))).start();
}

function finish(search: Search): void {
  const { asIs, noData, servFail, last } = search;
  const why = asIs ?? (noData ? 'NO_DATA' : servFail ? 'TRY_AGAIN' : last);
  search.done({ kind: 'failed', why });
}

/** The rest of the list, then the name as it is where that has not been tried. */
function tryDomains(search: Search, name: string, domains: readonly string[]): void {
  const [domain, ...others] = domains;
  if (domain === undefined) {
    tryAsIsAtLast(search, name);
    return;
  }
  const full = domain === '.' ? name : `${name}.${domain}`;
  attempt(search, full, (tried) => {
    if (tried.kind === 'found') {
      search.done({ kind: 'found', name: full, messages: tried.messages });
      return;
    }
    search.last = tried.why;
    if (tried.refused) {
      search.done({ kind: 'failed', why: 'TRY_AGAIN' });
      return;
    }
    search.noData ||= tried.why === 'NO_DATA';
    search.servFail ||= tried.servFail;
    const goesOn = tried.why === 'NO_DATA' || tried.why === 'HOST_NOT_FOUND' || tried.servFail;
    tryDomains(search, name, goesOn ? others : []);
  });
}

function tryAsIsAtLast(search: Search, name: string): void {
  const tried = search.asIs !== undefined || search.place.conf.search.includes('.');
  if (tried) {
    finish(search);
    return;
  }
  attempt(search, name, (outcome) => {
    if (outcome.kind === 'found') search.done({ kind: 'found', name, messages: outcome.messages });
    else {
      search.last = outcome.why;
      finish(search);
    }
  });
}

/** Asks for a name: types are asked for together, A and AAAA say. */
export function searchName(place: ResolverPlace, asked: string, types: readonly string[], done: Done): void {
  const absolute = asked.endsWith('.');
  const name = absolute ? asked.slice(0, -1) : asked;
  const dots = name.split('.').length - 1;
  const search: Search = {
    place,
    types,
    done,
    asIs: undefined,
    noData: false,
    servFail: false,
    last: 'HOST_NOT_FOUND',
  };
  const { ndots, search: domains } = place.conf;
  if (!absolute && dots < ndots) {
    tryDomains(search, name, domains);
    return;
  }
  attempt(search, name, (tried) => {
    if (tried.kind === 'found') done({ kind: 'found', name, messages: tried.messages });
    else if (absolute) done({ kind: 'failed', why: tried.why });
    else {
      search.asIs = tried.why;
      search.last = tried.why;
      tryDomains(search, name, domains);
    }
  });
}
