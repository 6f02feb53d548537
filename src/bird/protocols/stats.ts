/** Counters of a channel, as `show protocols all` prints them (nest/protocol.h: struct proto_stats). */

export interface ChannelStats {
  importedRoutes: number;
  filteredRoutes: number;
  exportedRoutes: number;
  importUpdatesReceived: number;
  importUpdatesInvalid: number;
  importUpdatesFiltered: number;
  importUpdatesIgnored: number;
  importUpdatesAccepted: number;
  importWithdrawsReceived: number;
  importWithdrawsInvalid: number;
  importWithdrawsIgnored: number;
  importWithdrawsAccepted: number;
  exportUpdatesReceived: number;
  exportUpdatesRejected: number;
  exportUpdatesFiltered: number;
  exportUpdatesAccepted: number;
  exportWithdrawsReceived: number;
  exportWithdrawsAccepted: number;
}

export const newStats = (): ChannelStats => ({
  importedRoutes: 0,
  filteredRoutes: 0,
  exportedRoutes: 0,
  importUpdatesReceived: 0,
  importUpdatesInvalid: 0,
  importUpdatesFiltered: 0,
  importUpdatesIgnored: 0,
  importUpdatesAccepted: 0,
  importWithdrawsReceived: 0,
  importWithdrawsInvalid: 0,
  importWithdrawsIgnored: 0,
  importWithdrawsAccepted: 0,
  exportUpdatesReceived: 0,
  exportUpdatesRejected: 0,
  exportUpdatesFiltered: 0,
  exportUpdatesAccepted: 0,
  exportWithdrawsReceived: 0,
  exportWithdrawsAccepted: 0,
});
