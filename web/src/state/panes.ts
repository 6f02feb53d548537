/** Parts of the page that are opened and closed. */

/** On a phone one of these is seen at a time. */
export const PANES = ['main', 'tools', 'below'] as const;
export type Pane = (typeof PANES)[number];

export type Tool = 'answer' | 'packet' | 'place' | 'change' | 'faults';
