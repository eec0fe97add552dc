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
{{- $image := mergeOverwrite (deepCopy .root.Values.image) ((index .root.Values .component).image | default dict) -}}
{{- $image.repository }}:{{ default .root.Chart.AppVersion $image.tag -}}
{{- end -}}

{{- define "herald.pullPolicy" -}}
{{- (mergeOverwrite (deepCopy .root.Values.image) ((index .root.Values .component).image | default dict)).pullPolicy -}}
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
