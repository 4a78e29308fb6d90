{{- define "heddle.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "heddle.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "heddle.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "heddle.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select; they may never change. Takes a dict of root and component. */}}
{{- define "heddle.selector" -}}
app.kubernetes.io/name: {{ include "heddle.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "heddle.labels" -}}
{{ include "heddle.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "heddle.image" -}}
{{- $tag := default .root.Chart.AppVersion .root.Values.image.tag -}}
{{- with .root.Values.image.repository }}{{ . }}/{{ end }}heddle-{{ .component }}:{{ $tag }}
{{- end -}}

{{- define "heddle.serviceAccount" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
{{- default (printf "%s-%s" (include "heddle.fullname" .root) .component) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* The namespace of rules of a component's proxies. With identities of service accounts it is the accounts' own. */}}
{{- define "heddle.meshNamespace" -}}
{{- $values := .root.Values -}}
{{- $given := default $values.proxy.namespace (index $values .component).namespace -}}
{{- if eq $values.identity.mode "kubernetes" -}}
{{- if and $given (ne $given .root.Release.Namespace) -}}
{{- fail (printf "%s.namespace: with identity.mode kubernetes it is the release's namespace, %s, since service accounts are identities of it; leave it empty" .component .root.Release.Namespace) -}}
{{- end -}}
{{- .root.Release.Namespace -}}
{{- else -}}
{{- default "default" $given -}}
{{- end -}}
{{- end -}}

{{/* What a proxy's file says of its identity. */}}
{{- define "heddle.identityConfig" -}}
{{- $identity := .root.Values.identity -}}
{{- if eq $identity.mode "joinToken" -}}
join_token_file: /var/run/secrets/heddle/token
{{- else if eq $identity.mode "kubernetes" -}}
kubernetes_token_file: /var/run/secrets/heddle/token
roots: /var/run/secrets/heddle/roots.pem
{{- end -}}
{{- end -}}

{{/* The volume with what a proxy joins by. */}}
{{- define "heddle.identityVolume" -}}
{{- $identity := .root.Values.identity -}}
{{- if eq $identity.mode "joinToken" -}}
{{- $secret := index $identity.joinToken (printf "%sSecretName" .component) -}}
- name: identity
  projected:
    sources:
      - secret:
          name: {{ required (printf "identity.joinToken.%sSecretName: with identity.mode joinToken it names the secret with the token" .component) $secret }}
          items:
            - key: {{ $identity.joinToken.key }}
              path: token
{{- else if eq $identity.mode "kubernetes" -}}
- name: identity
  projected:
    sources:
      - serviceAccountToken:
          audience: {{ $identity.kubernetes.audience }}
          expirationSeconds: {{ $identity.kubernetes.expirationSeconds }}
          path: token
      {{- if $identity.roots.configMapName }}
      - configMap:
          name: {{ $identity.roots.configMapName }}
          items:
            - key: {{ $identity.roots.key }}
              path: roots.pem
      {{- else }}
      # Its key is the controller's alone.
      - secret:
          name: {{ required "identity.roots.configMapName or identity.ca.secretName: with identity.mode kubernetes proxies know the controller by roots" $identity.ca.secretName }}
          items:
            - key: ca.crt
              path: roots.pem
      {{- end }}
{{- end -}}
{{- end -}}

{{/* "true" when the controller signs by an authority of a secret. */}}
{{- define "heddle.hasCA" -}}
{{- if and (ne .Values.identity.mode "none") .Values.identity.ca.secretName -}}true{{- end -}}
{{- end -}}

{{- define "heddle.identityMount" -}}
{{- if ne .root.Values.identity.mode "none" -}}
- name: identity
  mountPath: /var/run/secrets/heddle
  readOnly: true
{{- end -}}
{{- end -}}

{{/* A listener's certificates, from secrets that are mounted at /etc/heddle-tls/<number>. Takes a list of their names. */}}
{{- define "heddle.listenerTLS" -}}
certificates:
{{- range $index, $name := . }}
  - chain: /etc/heddle-tls/{{ $index }}/tls.crt
    key: /etc/heddle-tls/{{ $index }}/tls.key
{{- end }}
{{- end -}}

{{- define "heddle.tlsVolumes" -}}
{{- range $index, $name := . }}
- name: tls-{{ $index }}
  secret:
    secretName: {{ $name }}
{{- end }}
{{- end -}}

{{- define "heddle.tlsMounts" -}}
{{- range $index, $name := . }}
- name: tls-{{ $index }}
  mountPath: /etc/heddle-tls/{{ $index }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "heddle.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.securityContext.runAsUser }}
runAsGroup: {{ .Values.securityContext.runAsGroup }}
fsGroup: {{ .Values.securityContext.runAsGroup }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "heddle.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
