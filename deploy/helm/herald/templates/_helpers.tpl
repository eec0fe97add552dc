{{- define "herald.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "herald.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "herald.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "herald.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "herald.selectorLabels" -}}
app.kubernetes.io/name: {{ include "herald.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "herald.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "herald.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* The ServiceAccount of a component: dict "root" $ "component" "controller" */ -}}
{{- define "herald.serviceAccount" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
{{- default (printf "%s-%s" (include "herald.fullname" .root) .component) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{- /* The image of a component: dict "root" $ "component" "controller" */ -}}
{{- define "herald.image" -}}
{{- $own := (index .root.Values .component).image | default dict -}}
{{- $tag := coalesce $own.tag .root.Values.image.tag .root.Chart.AppVersion -}}
{{- $own.repository | default .root.Values.image.repository }}:{{ $tag -}}
{{- end -}}

{{- define "herald.pullPolicy" -}}
{{- $own := (index .root.Values .component).image | default dict -}}
{{- coalesce $own.pullPolicy .root.Values.image.pullPolicy "IfNotPresent" -}}
{{- end -}}

{{- define "herald.memberlistSecret" -}}
{{- default (printf "%s-memberlist" (include "herald.fullname" .)) .Values.speaker.secretName -}}
{{- end -}}

{{- /* A probe of the health port: dict "probe" .Values.controller.livenessProbe "path" "/healthz" */ -}}
{{- define "herald.probe" -}}
httpGet:
  path: {{ .path }}
  port: health
  {{- with .host }}
  host: {{ . }}
  {{- end }}
{{- toYaml (omit .probe "enabled") | nindent 0 }}
{{- end -}}

{{- /* "true" when a controller answers the API server's webhooks */ -}}
{{- define "herald.webhooks" -}}
{{- if and .Values.controller.enabled (ne .Values.controller.webhookMode "disabled") }}true{{ end -}}
{{- end -}}

{{- /* "true" when the metrics are served by HTTPS; who brings a certificate wants it used */ -}}
{{- define "herald.secureMetrics" -}}
{{- if or .Values.prometheus.secure .Values.tls.controllerMetricsTLSSecret .Values.tls.speakerMetricsTLSSecret }}true{{ end -}}
{{- end -}}

{{- define "herald.metricsPortName" -}}
{{- if include "herald.secureMetrics" . }}metricshttps{{ else }}metrics{{ end -}}
{{- end -}}

{{- define "herald.monitored" -}}
{{- if or .Values.prometheus.podMonitor.enabled .Values.prometheus.serviceMonitor.enabled }}true{{ end -}}
{{- end -}}

{{- /* Nobody but the pod itself is served unless somebody is meant to scrape */ -}}
{{- define "herald.metricsAddress" -}}
{{- if .Values.prometheus.metricsAddress -}}
{{- .Values.prometheus.metricsAddress -}}
{{- else if or (include "herald.secureMetrics" .) (include "herald.monitored" .) .Values.prometheus.scrapeAnnotations -}}
$(HERALD_POD_IP)
{{- else -}}
127.0.0.1
{{- end -}}
{{- end -}}

{{- /* Flags of both about metrics: dict "root" $ "secret" .Values.tls.speakerMetricsTLSSecret */ -}}
{{- define "herald.metricsArgs" -}}
- --port={{ .root.Values.prometheus.metricsPort }}
- --metrics-address={{ include "herald.metricsAddress" .root }}
{{- if include "herald.secureMetrics" .root }}
- --secure-metrics
{{- end }}
{{- if .secret }}
- --metrics-cert-dir=/etc/metrics
{{- end }}
{{- with .root.Values.tls.minVersion }}
- --tls-min-version={{ . }}
{{- end }}
{{- with .root.Values.tls.cipherSuites }}
- --tls-cipher-suites={{ . }}
{{- end }}
{{- with .root.Values.tls.curvePreferences }}
- --tls-curve-preferences={{ . }}
{{- end }}
{{- end -}}

{{- define "herald.scrapeAnnotations" -}}
{{- if .Values.prometheus.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/scheme: {{ ternary "https" "http" (eq (include "herald.secureMetrics" .) "true") }}
prometheus.io/port: {{ .Values.prometheus.metricsPort | quote }}
{{- end }}
{{- end -}}

{{- /* What the pods' own addresses and names are known by. */ -}}
{{- define "herald.podEnv" -}}
- name: METALLB_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: METALLB_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: HERALD_POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end -}}

{{- /* What a monitor says of each scrape: .Values.prometheus.podMonitor */ -}}
{{- define "herald.scrape" -}}
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* A line for each value of MetalLB's chart that is set and does nothing here. */ -}}
{{- define "herald.withoutEffect" -}}
{{- $frr := .Values.speaker.frr | default dict }}
{{- $frrk8s := .Values.frrk8s | default dict }}
{{- $own := "Herald speaks BGP and BFD itself" }}
{{- range $row := list
  (list "speaker.frr" (default false $frr.enabled) $own)
  (list "speaker.reloader" .Values.speaker.reloader $own)
  (list "speaker.frrMetrics" .Values.speaker.frrMetrics $own)
  (list "speaker.initContainers" .Values.speaker.initContainers $own)
  (list "frrk8s" (omit $frrk8s "external") $own)
  (list "frr-k8s" (index .Values "frr-k8s") $own)
  (list "speaker.bgpDebounceTimeout" .Values.speaker.bgpDebounceTimeout "a change is one UPDATE, nothing is reloaded")
  (list "speaker.wanConfig" .Values.speaker.wanConfig "Herald's gossip measures its round trips")
  (list "speaker.command" .Values.speaker.command "the image knows what to run")
  (list "controller.command" .Values.controller.command "the image knows what to run")
  (list "prometheus.secureMetricsPort" .Values.prometheus.secureMetricsPort "see prometheus.secure and prometheus.metricsPort")
  (list "prometheus.rbacProxy" .Values.prometheus.rbacProxy "see prometheus.secure")
  (list "prometheus.controllerMetricsTLSSecret" .Values.prometheus.controllerMetricsTLSSecret "see tls.controllerMetricsTLSSecret")
  (list "prometheus.speakerMetricsTLSSecret" .Values.prometheus.speakerMetricsTLSSecret "see tls.speakerMetricsTLSSecret")
  (list "psp" .Values.psp "PodSecurityPolicies are gone since Kubernetes 1.25")
}}
{{- /* Nothing is said of MetalLB's own defaults: empty, false and null. */ -}}
{{- if regexMatch "[0-9a-zA-Z]" (regexReplaceAll "\"[^\"]*\":|null|false|\"\"" (toJson (index $row 1)) "") }}
  {{ index $row 0 }}: {{ index $row 2 }}
{{- end }}
{{- end }}
{{- end -}}
