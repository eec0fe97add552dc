import { CONVERGENCE_BUCKETS } from "./catalogue-shared.ts";
import { counter, gauge, histogram } from "./metrics.ts";

/** `peer` is `ip:port`; `vrf` is left out for a peer that is in none, so that series are MetalLB's own. */
const PEER = ["peer", "vrf"] as const;

/** What a speaker says of its decisions and how fast they are carried out. */
const ANNOUNCEMENTS = {
  announced: gauge(
    "metallb_speaker_announced",
    "Services that this node announces, by address.",
    ...(["service", "protocol", "node", "ip"] as const),
  ),
  refused: gauge(
    "herald_speaker_refused",
    "Addresses that this node does not announce, by protocol and reason.",
    ...(["protocol", "reason"] as const),
  ),
  convergence: histogram(
    "herald_convergence_seconds",
    "From a change of a Service or of its endpoints that was seen until others were told: by an UPDATE to a peer (bgp), or by the first announcement on the LAN (layer2).",
    { buckets: CONVERGENCE_BUCKETS, labels: ["cause", "protocol"] },
  ),
} as const;

const BGP = {
  sessionUp: gauge("metallb_bgp_session_up", "1 while the session is established.", ...PEER),
  announcedPrefixes: gauge("metallb_bgp_announced_prefixes_total", "Prefixes the peer was told.", ...PEER),
  pendingPrefixes: gauge(
    "metallb_bgp_pending_prefixes_total",
    "Prefixes the peer should be told, whether or not it can be.",
    ...PEER,
  ),
  receivedPrefixes: gauge(
    "metallb_bgp_received_prefixes_total",
    "Prefixes the peer told, kept for inspection.",
    ...PEER,
  ),
  unsendablePrefixes: gauge("herald_bgp_unsendable_prefixes", "Prefixes the session cannot carry.", ...PEER),
  updatesSent: counter("metallb_bgp_updates_total", "UPDATE messages sent.", ...PEER),
  updatesReceived: counter("metallb_bgp_updates_total_received", "UPDATE messages received.", ...PEER),
  opensSent: counter("metallb_bgp_opens_sent", "OPEN messages sent.", ...PEER),
  opensReceived: counter("metallb_bgp_opens_received", "OPEN messages received.", ...PEER),
  keepalivesSent: counter("metallb_bgp_keepalives_sent", "KEEPALIVE messages sent.", ...PEER),
  keepalivesReceived: counter("metallb_bgp_keepalives_received", "KEEPALIVE messages received.", ...PEER),
  notificationsSent: counter("metallb_bgp_notifications_sent", "NOTIFICATION messages sent.", ...PEER),
  notificationsReceived: counter("herald_bgp_notifications_received_total", "NOTIFICATION messages received.", ...PEER),
  refreshesSent: counter("metallb_bgp_route_refresh_sent", "ROUTE-REFRESH messages sent.", ...PEER),
  refreshesReceived: counter("herald_bgp_route_refresh_received_total", "ROUTE-REFRESH messages received.", ...PEER),
  totalSent: counter("metallb_bgp_total_sent", "Messages of all kinds sent.", ...PEER),
  totalReceived: counter("metallb_bgp_total_received", "Messages of all kinds received.", ...PEER),
  established: counter("herald_bgp_sessions_established_total", "Times the session came up.", ...PEER),
  flaps: counter(
    "herald_bgp_session_flaps_total",
    "Times an established session ended, by reason: hold-timer, bfd-down, connection-lost, stopped, or the NOTIFICATION in the words of the RFCs, as sent-cease-administrative-reset.",
    ...([...PEER, "reason"] as const),
  ),
} as const;

/** `peer` is the address alone, as MetalLB's FRR mode has it; no session of BFD is in a VRF. */
const BFD = {
  bfdUp: gauge("metallb_bfd_session_up", "1 while BFD hears the peer.", "peer"),
  bfdControlIn: counter("metallb_bfd_control_packet_input", "BFD control packets received.", "peer"),
  bfdControlOut: counter("metallb_bfd_control_packet_output", "BFD control packets sent.", "peer"),
  bfdEchoIn: counter("metallb_bfd_echo_packet_input", "BFD echo packets that came back.", "peer"),
  bfdEchoOut: counter("metallb_bfd_echo_packet_output", "BFD echo packets sent.", "peer"),
  bfdUpEvents: counter("metallb_bfd_session_up_events", "Times the BFD session came up.", "peer"),
  bfdDownEvents: counter("metallb_bfd_session_down_events", "Times the BFD session went down.", "peer"),
  bfdRefused: counter("herald_bfd_refused_total", "BFD packets that were dropped, by reason.", "reason"),
} as const;

const LAYER2 = {
  requests: counter(
    "metallb_layer2_requests_received",
    "ARP requests and neighbour solicitations for owned addresses.",
    "ip",
  ),
  responses: counter("metallb_layer2_responses_sent", "Answers to them.", "ip"),
  gratuitous: counter("metallb_layer2_gratuitous_sent", "Announcements nobody asked for.", "ip"),
  conflicts: counter("herald_layer2_conflicts_total", "Times a stranger used an owned address.", "ip"),
  quarantined: gauge("herald_layer2_quarantined", "Addresses not answered for because a stranger uses them."),
  duels: counter(
    "herald_layer2_duels_total",
    "Times another speaker announced an owned address too, by whether this node kept it.",
    "verdict",
  ),
  dropped: counter("herald_layer2_dropped_total", "Frames that were not answered, by reason.", "reason"),
  sendFailures: counter("herald_layer2_send_failures_total", "Announcements the kernel had no room for at once."),
  interfaces: gauge("herald_layer2_interfaces", "Interfaces that can carry announcements."),
  fenced: gauge("herald_layer2_fenced", "1 while this node answers nothing because it is cut off."),
} as const;

const MEMBERSHIP = {
  members: gauge("herald_members", "Speakers this one knows, by what it thinks of them.", "state"),
  localHealth: gauge(
    "herald_gossip_local_health",
    "How much this node has reason to doubt itself: 0 is well, 3 the worst.",
  ),
  probes: counter("herald_gossip_probes_total", "Speakers that were asked for a sign of life, by outcome.", "outcome"),
  gossipRefused: counter("herald_gossip_refused_total", "Gossip packets that were not taken, by reason.", "reason"),
} as const;

const THREADS = {
  lateness: gauge("herald_thread_lateness_seconds", "The most that a timer of the thread has been late.", "thread"),
  restarts: counter("herald_thread_restarts_total", "Times an engine was lost and begun anew.", "thread"),
} as const;

/** What a speaker says, beside what both daemons say. */
export const SPEAKER_METRICS = { ...ANNOUNCEMENTS, ...BGP, ...BFD, ...LAYER2, ...MEMBERSHIP, ...THREADS } as const;
