/** The face of `kubernetes`: objects from files, the store that holds them, and what the control plane makes of them. */

export { durationSeconds } from './duration.js';
export * from './address.js';
export { parseAsNumber } from './as-number.js';
export {
  type CalicoNodeSettings,
  type CalicoNodeView,
  calicoNode,
  calicoNodeSettings,
  calicoNodes,
  NODE_ANNOTATIONS,
} from './calico-node.js';
export { containerVariables, type EnvValue, secretText } from './container-environment.js';
export { giveNodeCidrs } from './controllers/node-ipam.js';
export { kubeadmNetworking } from './kubeadm.js';
export type { LabelSelector } from './kinds/label-selector.js';
export {
  type CalicoInstallation,
  calicoInstallation,
  cniOf,
  installationBgp,
  installationFelix,
  installationPools,
  otherInstallations,
} from './operator-objects.js';
export type { BgpFilterRule } from './kinds/calico-bgp.js';
export type {
  AdminEgressPeer,
  AdminIngressPeer,
  AdminPolicyPort,
  ClusterPolicyProtocol,
  PolicySubject,
} from './kinds/admin-policy.js';
export type { PolicyEntity, PolicyRuleSpec } from './kinds/calico-policy.js';
export type { ServiceAllocation } from './kinds/metallb.js';
export type { NetworkPolicyPeer, NetworkPolicyPort } from './kinds/network-policy.js';
export type { Taint } from './kinds/node.js';
export type {
  Container,
  Probe,
  TemplateContainer,
} from './kinds/pod.js';
export type { ServicePort } from './kinds/service.js';
export {
  ALL_KINDS,
  KIND_NAMES,
  KINDS,
  type Kind,
  type KubernetesObject,
  type ObjectOf,
} from './kinds/table.js';
export type { DeletedPod } from './controllers/pods.js';
export { byParts, GroupedList, replacedSince } from './list-versions.js';
export { append } from './append.js';
export { type ClusterInput, type LoadedCluster, loadCluster } from './load.js';
export {
  type FieldChecks,
  registeredKind,
} from './load-objects.js';
export * from './messages.js';
export { generateName, safeEncode, seededSuffix, seededUuid } from './names.js';
export { addedTolerations, toleratedSeconds } from './node-fit.js';
export { mostActive } from './pod-order.js';
export { controllerOf, isActive, isFinished, phaseOf } from './pods.js';
export { readSources } from './read-sources.js';
export { groupOf, type KindDefinition, type Labels, type OwnerReference } from './schema/kind.js';
export * as schema from './schema/schema.js';
export type { Schema, Value, Want } from './schema/schema.js';
export { Random } from './seeded.js';
export { NO_SILENCE, type Silence, type TerminatingPod } from './silence.js';
export { completeServices } from './service-addresses.js';
export { serviceSubnet } from './service-cidrs.js';
export { formatLabels, hasLabels, labelOf, matchesSelector, meetsRequirement } from './selector.js';
export { parseFieldSelector, parseLabelSelector, SelectorError } from './selector-text.js';
export {
  formatYaml,
  loadDocuments,
  ObjectSource,
  parseEmbedded,
  unwritten,
} from './source/documents.js';
export {
  describe,
  type FieldPath,
  field,
  formatPath,
  isList,
  isObject,
  type Json,
  type JsonObject,
  places,
} from './source/json.js';
export {
  Declared,
  type DeclaredObject,
  type DeclaredTexts,
  describeKey,
  formatKey,
  type ObjectKey,
  pathOf,
  plainGroup,
  renderObject,
  requestedGroup,
} from './source/declared.js';
export { type Deletion, deleteFrom } from './source/cascade.js';
export { writtenVersion } from './source/object-versions.js';
export type { SourceText } from './source/source-text.js';
export { Store, Table } from './store.js';
export * from './types.js';
export { type FieldType, fieldTypeOf, STRUCT, WHOLE } from './updates/field-types.js';
export { released, writtenOwners, writtenPod, writtenTemplate } from './updates/made-pods.js';
export { type PatchStrategies, type PatchStrategy, patchStrategiesOf } from './updates/patch-strategies.js';
export { formatRefusedUpdate } from './updates/refused-update.js';
export { droppedByType } from './updates/service-update.js';
export { refusedDeletion } from './updates/refused-deletion.js';
export { refusedAmong, type RefusedObject } from './updates/updates.js';
export { deletedByUpdates } from './updates/workloads.js';
