{{- define "entente.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "entente.name" -}}
{{- $whole := printf "%s-%s" .Release.Name .Chart.Name -}}
{{- if contains .Chart.Name .Release.Name }}{{ $whole = .Release.Name }}{{ end -}}
{{- $whole | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Called with a dict of `root` and `part`. */}}
{{- define "entente.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "entente.labels" -}}
{{ include "entente.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | quote }}
{{- end -}}

{{/* Nothing of ours talks to the cluster, and nothing needs root. */}}
{{- define "entente.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "entente.container" -}}
image: {{ include "entente.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* What worker and API have in common. */}}
{{- define "entente.env" -}}
- {name: TEMPORAL_ADDRESS, value: {{ required "temporal.address has to name your Temporal server" .Values.temporal.address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ .Values.temporal.namespace | quote }}}
{{- if .Values.temporal.tlsSecret }}
- {name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /etc/entente/temporal/tls.crt}
- {name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /etc/entente/temporal/tls.key}
{{- end }}
{{- if .Values.temporal.apiKeySecret }}
- name: TEMPORAL_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.temporal.apiKeySecret }}, key: api-key}}
{{- end }}
- {name: ENTENTE_TASK_QUEUE, value: {{ .Values.taskQueue | quote }}}
- {name: ENTENTE_COMMAND_PUBLIC_KEYS, value: {{ join "," .Values.commandKey.publicKeys | quote }}}
{{- if .Values.logKey.secret }}
- {name: ENTENTE_LOG_KEY_FILE, value: /etc/entente/log/log-key}
- {name: ENTENTE_LOG_ORIGIN, value: {{ required "logKey.origin has to say what your logs are named by" .Values.logKey.origin | quote }}}
{{- end }}
{{- if .Values.payloadKey.secret }}
- {name: ENTENTE_PAYLOAD_KEY_FILE, value: /etc/entente/payload/payload-key}
{{- end }}
{{- if .Values.witnessNetworks }}
- {name: ENTENTE_WITNESS_NETWORKS, value: {{ join "," .Values.witnessNetworks | quote }}}
{{- end }}
{{- if .Values.timestamps.authorities }}
- {name: ENTENTE_TSA, value: {{ join "," .Values.timestamps.authorities | quote }}}
{{- if .Values.timestamps.certificates }}
- {name: ENTENTE_TSA_CERTIFICATES, value: /etc/entente/tsa/roots.pem}
{{- end }}
{{- if .Values.timestamps.networks }}
- {name: ENTENTE_TSA_NETWORKS, value: {{ join "," .Values.timestamps.networks | quote }}}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{- define "entente.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.temporal.tlsSecret }}
- {name: temporal, mountPath: /etc/entente/temporal, readOnly: true}
{{- end }}
{{- if .Values.payloadKey.secret }}
- {name: payload-key, mountPath: /etc/entente/payload, readOnly: true}
{{- end }}
{{- if and .Values.timestamps.authorities .Values.timestamps.certificates }}
- {name: tsa, mountPath: /etc/entente/tsa, readOnly: true}
{{- end }}
{{- if .Values.logKey.secret }}
- {name: log-key, mountPath: /etc/entente/log/log-key, subPath: log-key, readOnly: true}
- {name: guard, mountPath: /etc/entente/log/log-key.seen}
{{- end }}
{{- end -}}

{{- define "entente.volumes" -}}
- {name: tmp, emptyDir: {}}
{{- if .Values.temporal.tlsSecret }}
- {name: temporal, secret: {secretName: {{ .Values.temporal.tlsSecret }}, defaultMode: 0440}}
{{- end }}
{{- if .Values.payloadKey.secret }}
- {name: payload-key, secret: {secretName: {{ .Values.payloadKey.secret }}, defaultMode: 0440}}
{{- end }}
{{- if and .Values.timestamps.authorities .Values.timestamps.certificates }}
- {name: tsa, configMap: {name: {{ .Values.timestamps.certificates }}, items: [{key: roots.pem, path: roots.pem}]}}
{{- end }}
{{- if .Values.logKey.secret }}
- {name: log-key, secret: {secretName: {{ .Values.logKey.secret }}, defaultMode: 0440}}
- {name: guard, persistentVolumeClaim: {claimName: {{ .Values.logKey.guard.existingClaim | default (printf "%s-guard" (include "entente.name" .)) }}}}
{{- end }}
{{- end -}}

{{/* A new pod has to reach all that it needs; one that ran goes on through an outage, in which much still works. */}}
{{- define "entente.probes" -}}
startupProbe:
  httpGet: {path: /readyz, port: operations}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 150
readinessProbe:
  httpGet: {path: /livez, port: operations}
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /livez, port: operations}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

{{- define "entente.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "entente.selector" . | nindent 8 }}
{{- end -}}
