/** What calicoctl says of arguments that it does not take: the usage of the command, as docopt prints it. */

import { failure, type ToolResult } from '../tool.js';

const GET = `get ( (<KIND> [<NAME>...]) |
                --filename=<FILENAME> [--recursive] [--skip-empty] )
                [--output=<OUTPUT>] [--config=<CONFIG>] [--namespace=<NS>] [--all-namespaces] [--export] [--context=<context>] [--allow-version-mismatch]`;

const CONFIGURE = `ipam configure [--strictaffinity=<true/false>]
                           [--max-blocks-per-host=<number>]
                           [--kubevirt-ip-persistence=<Enabled|Disabled>]
                           [--config=<CONFIG>]
                           [--allow-version-mismatch]`;

const USAGES = {
  get: GET,
  'ipam show':
    'ipam show [--ip=<IP> | --show-blocks | --show-borrowed | --show-configuration] [--config=<CONFIG>] [--allow-version-mismatch]',
  'ipam check':
    'ipam check [--config=<CONFIG>] [--show-all-ips] [--show-problem-ips] [-o <FILE>] [--kubeconfig <KUBECONFIG>] [--allow-version-mismatch]',
  'ipam release':
    'ipam release [--ip=<IP>] [--from-report=<REPORT>]... [--config=<CONFIG>] [--force] [--allow-version-mismatch]',
  'ipam configure': CONFIGURE,
  'ipam split':
    'ipam split <NUMBER> [--cidr=<CIDR>] [--name=<POOL_NAME>] [--config=<CONFIG>] [--allow-version-mismatch]',
  'node status': 'node status [--allow-version-mismatch]',
  'datastore migrate lock': 'datastore migrate lock [--config=<CONFIG>] [--allow-version-mismatch]',
  'datastore migrate unlock': 'datastore migrate unlock [--config=<CONFIG>] [--allow-version-mismatch]',
  version: 'version [--config=<CONFIG>] [--poll=<POLL>] [--allow-version-mismatch] [--client]',
} as const;

export const misused = (command: keyof typeof USAGES): ToolResult =>
  failure(1, `Usage:\n  calicoctl ${USAGES[command]}`);
