/** A course of events, and whether an alert fires at its end. */
export interface AlertCase {
  readonly alert: string;
  readonly when: string;
  readonly fires: boolean;
  /** In promtool's notation, a value each half minute. */
  readonly series: Readonly<Record<string, string>>;
  readonly at: string;
  readonly message?: { readonly exp_labels: object; readonly exp_annotations: { readonly message: string } };
}

const IN_USE = 'metallb_allocator_addresses_in_use_total{pool="lan", pod="c1"}';
const TOTAL = 'metallb_allocator_addresses_total{pool="lan", pod="c1"}';
const LEADS_1 = 'herald_controller_is_leader{namespace="lb", pod="c1"}';
const LEADS_2 = 'herald_controller_is_leader{namespace="lb", pod="c2"}';
const LEADS = { [LEADS_1]: "1+0x40", [LEADS_2]: "0+0x40" };

type Course = readonly [when: string, series: Readonly<Record<string, string>>];

/** Courses in which it fires, and in which it does not, after ten minutes. */
function cases(alert: string, fires: readonly Course[], quiet: readonly Course[]): readonly AlertCase[] {
  const rows = (courses: readonly Course[], firing: boolean): readonly AlertCase[] =>
    courses.map(([when, series]) => ({ alert, when, fires: firing, series, at: "10m" }));
  return [...rows(fires, true), ...rows(quiet, false)];
}

/** A gauge that should be 0: it fires when it is 1 for long, and not when it was 1 for a moment. */
function raised(alert: string, series: string): readonly AlertCase[] {
  return cases(
    alert,
    [["it lasts", { [series]: "0 1+0x40" }]],
    [
      ["all is well", { [series]: "0+0x40" }],
      ["it was over at once", { [series]: "0 1 0+0x40" }],
    ],
  );
}

function lowered(alert: string, series: string): readonly AlertCase[] {
  return cases(
    alert,
    [["it lasts", { [series]: "1 0+0x40" }]],
    [
      ["all is well", { [series]: "1+0x40" }],
      ["it was over at once", { [series]: "1 0 1+0x40" }],
    ],
  );
}

function pool(alert: string, at: string, below: string): readonly AlertCase[] {
  return cases(
    alert,
    [[`${at} of 100 are in use`, { [IN_USE]: `${at}+0x40`, [TOTAL]: "100+0x40" }]],
    [
      [`${below} of 100 are in use`, { [IN_USE]: `${below}+0x40`, [TOTAL]: "100+0x40" }],
      [
        "another pool has as many as this one uses",
        {
          [IN_USE]: `${below}+0x40`,
          [TOTAL]: "100+0x40",
          'metallb_allocator_addresses_total{pool="other", pod="c1"}': `${below}+0x40`,
        },
      ],
    ],
  );
}

const FLAPS = 'herald_bgp_sessions_established_total{peer="192.0.2.1:179", pod="s1"}';

/** Every alert, when it fires and when it does not. */
export const ALERTS: readonly AlertCase[] = [
  ...raised("MetalLBStaleConfig", 'metallb_k8s_client_config_stale_bool{pod="c1"}'),
  ...lowered("MetalLBConfigNotLoaded", 'metallb_k8s_client_config_loaded_bool{pod="c1"}'),
  ...pool("MetalLBAddressPoolExhausted", "100", "99"),
  ...pool("MetalLBAddressPoolUsage75Percent", "76", "75"),
  ...pool("MetalLBAddressPoolUsage85Percent", "86", "85"),
  ...pool("MetalLBAddressPoolUsage95Percent", "96", "95"),
  ...lowered("MetalLBBGPSessionDown", 'metallb_bgp_session_up{peer="192.0.2.1:179", pod="s1"}'),
  {
    alert: "HeraldBGPSessionFlapping",
    when: "a session comes up every minute",
    fires: true,
    series: { [FLAPS]: "0 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 10" },
    at: "10m",
    message: {
      exp_labels: { severity: "warning", peer: "192.0.2.1:179", pod: "s1" },
      exp_annotations: {
        message:
          "The BGP session of s1 with 192.0.2.1:179 came up 10 times in a quarter of an hour; herald_bgp_session_flaps_total says why it ended.",
      },
    },
  },
  ...cases("HeraldBGPSessionFlapping", [], [["a session comes up, and once again", { [FLAPS]: "0 1+0x5 2+0x30" }]]),
  ...lowered("HeraldBFDSessionDown", 'metallb_bfd_session_up{peer="192.0.2.1", pod="s1"}'),
  ...raised("HeraldPrefixesNotSent", 'herald_bgp_unsendable_prefixes{peer="192.0.2.1:179", pod="s1"}'),
  ...cases(
    "HeraldAddressConflict",
    [
      ["a stranger was seen", { 'herald_layer2_conflicts_total{ip="192.0.2.9", pod="s1"}': "0+0x15 1+0x30" }],
      ["a stranger has it still", { 'herald_layer2_quarantined{pod="s1"}': "1+0x40" }],
    ],
    [
      [
        "strangers were seen before",
        {
          'herald_layer2_conflicts_total{ip="192.0.2.9", pod="s1"}': "3+0x40",
          'herald_layer2_quarantined{pod="s1"}': "0+0x40",
        },
      ],
    ],
  ),
  ...raised("HeraldSpeakerFenced", 'herald_layer2_fenced{pod="s1"}'),
  ...cases(
    "HeraldNoLeader",
    [
      ["both wait", { [LEADS_1]: "1 0+0x40", [LEADS_2]: "0+0x40" }],
      ["neither is there", { 'up{pod="c1"}': "0+0x40" }],
    ],
    [
      ["one leads", LEADS],
      ["the other took over", { [LEADS_1]: "1 1 1 0+0x40", [LEADS_2]: "0 0 0 0 1+0x40" }],
    ],
  ),
  ...cases(
    "HeraldTwoLeaders",
    [["both lead", { [LEADS_1]: "1+0x40", [LEADS_2]: "0 1+0x40" }]],
    [
      ["one leads", LEADS],
      ["one is seen late to have ended", { [LEADS_1]: "1 1 1 0+0x40", [LEADS_2]: "0 1+0x40" }],
    ],
  ),
  ...cases(
    "HeraldServicesWaiting",
    [["some always wait", { 'herald_controller_backlog{pod="c1"}': "0 5 4 3 6 2 9 1+0x40" }]],
    [
      [
        "all had their turn in between",
        { 'herald_controller_backlog{pod="c1"}': "9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 0 9+0x40" },
      ],
    ],
  ),
  ...raised("HeraldServicesRefused", 'herald_allocator_refused{reason="pool-exhausted", pod="c1"}'),
  ...cases(
    "HeraldAPIAway",
    [["nothing is heard", { 'herald_api_silence_seconds{pod="s1"}': "0+30x40" }]],
    [
      [
        "it is heard every minute",
        { 'herald_api_silence_seconds{pod="s1"}': "0 30 60 0 30 60 0 30 60 0 30 60 0 30 60 0 30 60 0 30 60" },
      ],
      ["its watches are as silent as they may be", { 'herald_api_silence_seconds{pod="s1"}': "90+0x40" }],
    ],
  ),
  ...raised("HeraldEventLoopSlow", 'herald_event_loop_delay_seconds{statistic="p99", pod="s1"}'),
  ...cases(
    "HeraldEventLoopSlow",
    [],
    [["one moment in a hundred is slow", { 'herald_event_loop_delay_seconds{statistic="max", pod="s1"}': "3+0x40" }]],
  ),
];
