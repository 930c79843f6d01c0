{{- define "groundswell.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "groundswell.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "groundswell.labels" -}}
{{ include "groundswell.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Not empty when metrics have a port of their own: somebody wants it, or the monitor has no key for the other one. */}}
{{- define "groundswell.metrics" -}}
{{- if or .Values.metrics.enabled (and .Values.serviceMonitor.enabled (not .Values.serviceMonitor.bearerTokenSecret.name)) -}}
true
{{- end -}}
{{- end -}}
