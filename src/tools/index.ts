/** The face of `tools`: the commands that `exec` offers. */
export { runTool, TOOLS } from './run.js';
export { netstatText, snmpText } from './proc-net/mib.js';
export type { Tool, ToolPlace, ToolResult } from './tool.js';
export { clusterExport, exportClusterNetns, type ExportOptions } from './export/cluster.js';
export { exportNetns, type NetnsExport, netnsFileName } from './export/netns.js';
