/** The face of `tools`: the commands that `exec` offers. */
export { runTool, TOOLS } from './run.js';
export { netstatText, snmpText } from './proc-net/mib.js';
export type { Tool, ToolResult } from './tool.js';
export { clusterExport, exportClusterNetns } from './export/cluster.js';
export { exportNetns, netnsFileName } from './export/netns.js';
