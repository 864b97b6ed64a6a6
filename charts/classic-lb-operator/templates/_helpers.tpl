{{- define "classic-lb-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "classic-lb-operator.fullname" -}}
{{- $name := include "classic-lb-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 58 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 58 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 58 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "classic-lb-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "classic-lb-operator.name" . | toYaml }}
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
{{- end -}}

{{- /* Those that tell what it is win over the common ones. */ -}}
{{- define "classic-lb-operator.labels" -}}
{{- $own := include "classic-lb-operator.ownLabels" . -}}
{{- $own -}}
{{- $own := $own | fromYaml -}}
{{- range $label, $value := .Values.commonLabels }}
{{- if not (hasKey $own $label) }}
{{ $label }}: {{ $value | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "classic-lb-operator.ownLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "classic-lb-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* Not those of the selector: it is no operator. */ -}}
{{- define "classic-lb-operator.testLabels" -}}
app.kubernetes.io/name: {{ include "classic-lb-operator.name" . | trunc 58 | trimSuffix "-" }}-test
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
{{- end -}}

{{- /* Of its objects, with those of every object. */ -}}
{{- define "classic-lb-operator.testObjectLabels" -}}
{{- $own := dict "app.kubernetes.io/managed-by" .Release.Service | merge (include "classic-lb-operator.testLabels" . | fromYaml) -}}
{{- toYaml (merge $own (.Values.commonLabels | default dict)) -}}
{{- end -}}

{{- define "classic-lb-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "classic-lb-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* A repository begins with a registry where its first part looks like a host. */ -}}
{{- define "classic-lb-operator.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with (.Values.global).imageRegistry -}}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{- printf "%s:%s" $repository .Values.image.tag -}}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "classic-lb-operator.imagePullSecrets" -}}
{{- $secrets := .Values.imagePullSecrets -}}
{{- range (.Values.global).imagePullSecrets -}}
{{- $secret := ternary (dict "name" .) . (kindIs "string" .) -}}
{{- if not (has $secret $secrets) -}}
{{- $secrets = append $secrets $secret -}}
{{- end -}}
{{- end -}}
{{- with $secrets -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- /* An IPv6 address needs brackets before its port. */ -}}
{{- define "classic-lb-operator.listen" -}}
{{- include "classic-lb-operator.address" . }}:{{ .Values.http.port }}
{{- end -}}

{{- define "classic-lb-operator.address" -}}
{{- if contains ":" .Values.http.address -}}
[{{ .Values.http.address }}]
{{- else -}}
{{ .Values.http.address }}
{{- end -}}
{{- end -}}

{{- define "classic-lb-operator.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- range $key, $id := .Values.podSecurityContext }}
{{- if not (kindIs "invalid" $id) }}
{{ $key }}: {{ int64 $id }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "classic-lb-operator.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- end -}}

{{- /* Who a pod is, where it may stand and what its network is, for the operator and for what tests it. */ -}}
{{- define "classic-lb-operator.podSettings" -}}
serviceAccountName: {{ include "classic-lb-operator.serviceAccountName" . | toYaml }}
{{- with include "classic-lb-operator.imagePullSecrets" . }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "classic-lb-operator.podSecurityContext" . | nindent 2 }}
{{- range $member := list "priorityClassName" "runtimeClassName" "schedulerName" }}
{{- with get $.Values $member }}
{{ $member }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- with .Values.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork) }}
dnsPolicy: {{ . }}
{{- end }}
{{- range $member := list "dnsConfig" "hostAliases" "nodeSelector" "tolerations" }}
{{- with get $.Values $member }}
{{ $member }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* How AWS is reached, for the operator and for what tests it. */ -}}
{{- define "classic-lb-operator.env" -}}
{{- include "classic-lb-operator.ownEnv" . -}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "classic-lb-operator.ownEnv" -}}
{{- with .Values.aws.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .Values.aws.endpointUrl }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- if .Values.aws.useFipsEndpoint }}
- name: AWS_USE_FIPS_ENDPOINT
  value: "true"
{{- end }}
{{- if .Values.aws.useDualstackEndpoint }}
- name: AWS_USE_DUALSTACK_ENDPOINT
  value: "true"
{{- end }}
{{- with .Values.aws.credentials }}
{{- if .existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | toYaml }}
      key: {{ .accessKeyIdKey | toYaml }}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | toYaml }}
      key: {{ .secretAccessKeyKey | toYaml }}
{{- if .sessionTokenKey }}
- name: AWS_SESSION_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | toYaml }}
      key: {{ .sessionTokenKey | toYaml }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.aws.webIdentity.roleArn }}
- name: AWS_ROLE_ARN
  value: {{ . | quote }}
- name: AWS_WEB_IDENTITY_TOKEN_FILE
  value: /var/run/secrets/classiclb.dev/aws/token
- name: AWS_ROLE_SESSION_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}
{{- if or .Values.customCA.configMap .Values.customCA.secret }}
# Beside the file of public authorities that the image names in SSL_CERT_FILE.
- name: SSL_CERT_DIR
  value: /etc/classic-lb-operator/ca
{{- end }}
{{- end -}}

{{- define "classic-lb-operator.volumeMounts" -}}
{{- if .Values.aws.webIdentity.roleArn }}
- name: aws-token
  mountPath: /var/run/secrets/classiclb.dev/aws
  readOnly: true
{{- end }}
{{- if or .Values.customCA.configMap .Values.customCA.secret }}
- name: custom-ca
  mountPath: /etc/classic-lb-operator/ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "classic-lb-operator.volumes" -}}
{{- with .Values.aws.webIdentity }}
{{- if .roleArn }}
- name: aws-token
  projected:
    sources:
    - serviceAccountToken:
        path: token
        audience: {{ .audience | quote }}
        expirationSeconds: {{ int .expirationSeconds }}
{{- end }}
{{- end }}
{{- with .Values.customCA }}
{{- if .configMap }}
- name: custom-ca
  configMap:
    name: {{ .configMap | toYaml }}
    items:
    - key: {{ .key }}
      path: ca.crt
{{- else if .secret }}
- name: custom-ca
  secret:
    secretName: {{ .secret | toYaml }}
    items:
    - key: {{ .key }}
      path: ca.crt
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The operator's own affinity stands in where nobody said how its pods stand to each other. */ -}}
{{- define "classic-lb-operator.affinity" -}}
{{- $affinity := deepCopy (.Values.affinity | default dict) -}}
{{- if not (or (eq .Values.antiAffinity "none") $affinity.podAntiAffinity) -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "classic-lb-operator.selectorLabels" . | fromYaml)) -}}
{{- if eq .Values.antiAffinity "hard" -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) -}}
{{- else -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term))) -}}
{{- end -}}
{{- end -}}
{{- with $affinity -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- /* Whether no two pods can stand on one node. */ -}}
{{- define "classic-lb-operator.apart" -}}
{{- if .Values.hostNetwork -}}
true
{{- else if dig "podAntiAffinity" "requiredDuringSchedulingIgnoredDuringExecution" "" (include "classic-lb-operator.affinity" . | fromYaml) -}}
true
{{- end -}}
{{- end -}}

{{- /* What is not given goes with what is, and with how pods stand. */ -}}
{{- define "classic-lb-operator.rollingUpdate" -}}
{{- $given := .Values.strategy.rollingUpdate | default dict -}}
{{- $unavailable := $given.maxUnavailable -}}
{{- $surge := $given.maxSurge -}}
{{- if has (toString $unavailable) (list "" "<nil>") -}}
{{- $unavailable = ternary 1 0 (or (include "classic-lb-operator.isNone" $surge) (include "classic-lb-operator.apart" .) | not | not) -}}
{{- end -}}
{{- if has (toString $surge) (list "" "<nil>") -}}
{{- $surge = ternary 1 0 (or (include "classic-lb-operator.isNone" $unavailable) (not (include "classic-lb-operator.apart" .)) | not | not) -}}
{{- end -}}
maxUnavailable: {{ $unavailable }}
maxSurge: {{ $surge }}
{{- end -}}

{{- define "classic-lb-operator.topologySpreadConstraints" -}}
{{- $selector := dict "matchLabels" (include "classic-lb-operator.selectorLabels" . | fromYaml) -}}
{{- range .Values.topologySpreadConstraints }}
{{ list (mergeOverwrite (dict "labelSelector" $selector) .) | toYaml }}
{{- end -}}
{{- end -}}

{{- /* An endpoint of a ServiceMonitor or a PodMonitor. */ -}}
{{- define "classic-lb-operator.endpoint" -}}
{{- $tls := .tls -}}
{{- with .monitor -}}
- port: {{ .port | default (ternary "metrics" "http" $tls) }}
  path: /metrics
  scheme: {{ .scheme | default (ternary "https" "http" $tls) }}
  interval: {{ .interval }}
  scrapeTimeout: {{ .scrapeTimeout }}
  honorLabels: {{ .honorLabels }}
  {{- with .bearerTokenFile }}
  bearerTokenFile: {{ . | toYaml }}
  {{- end }}
  {{- range $member := list "tlsConfig" "authorization" "relabelings" "metricRelabelings" }}
  {{- with get $.monitor $member }}
  {{ $member }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "classic-lb-operator.nodeRules" -}}
# Instances are found by the labels of their nodes.
- apiGroups: [""]
  resources: [nodes]
  {{- if eq .Values.nodeDraining "none" }}
  verbs: [get, list, watch]
  {{- else }}
  # Each that is about to go is told by an annotation how far it has drained.
  verbs: [get, list, watch, patch]
  {{- end }}
{{- end -}}

{{- define "classic-lb-operator.accountRules" -}}
# Accounts are of no namespace, and the labels of a namespace say which it may use: with watchNamespaces, too.
- apiGroups: [classiclb.dev]
  resources: [awsaccounts]
  verbs: [get, list, watch]
- apiGroups: [classiclb.dev]
  resources: [awsaccounts/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
{{- end -}}

{{- define "classic-lb-operator.namespacedRules" -}}
# patch: the finalizer.
- apiGroups: [classiclb.dev]
  resources: [classicloadbalancers, classicloadbalancerbindings]
  verbs: [get, list, watch, patch]
- apiGroups: [classiclb.dev]
  resources: [classicloadbalancers/status, classicloadbalancerbindings/status]
  verbs: [patch]
# Public keys of backends, where a balancer names them so.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
# Listeners can name the node port of a Service.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- /* The Lease of the operators that look at these namespaces: `Namespaces::lease` says the same. */ -}}
{{- define "classic-lb-operator.lease" -}}
classic-lb-operator
{{- with .Values.watchNamespaces }}-{{ . | uniq | sortAlpha | join "," | sha256sum | trunc 8 }}{{ end -}}
{{- end -}}

{{- define "classic-lb-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "classic-lb-operator.serviceAccountName" . | toYaml }}
  namespace: {{ .Release.Namespace | toYaml }}
{{- end -}}

{{- /*
What a schema can only refuse in the words of a schema, said in one message that lists all of it. In lint mode `fail` is
silent, so that a bare `helm lint` passes.
*/ -}}
{{- define "classic-lb-operator.validate" -}}
{{- $problems := list -}}
{{- if not .Values.clusterId -}}
{{- $problems = append $problems "clusterId is required: a name for this cluster, 1 to 63 letters, digits, '.', '_' and '-', never changed later (--set clusterId=production)" -}}
{{- end -}}
{{- if not .Values.image.repository -}}
{{- $problems = append $problems "image.repository is required: where the operator's image is, without tag (--set image.repository=registry.example.com/classic-lb-operator)" -}}
{{- end -}}
{{- if not .Values.image.tag -}}
{{- $problems = append $problems (printf "image.tag is required: which version of the image to run (--set image.tag=%s)" .Chart.AppVersion) -}}
{{- end -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) -}}
{{- $problems = append $problems "serviceAccount.name is required where serviceAccount.create is false" -}}
{{- end -}}
{{- range $key, $_ := .Values.aws.defaultTags -}}
{{- if not (regexMatch "^[^,=]{1,128}$" $key) -}}
{{- $problems = append $problems (printf "aws.defaultTags: the key %q must have 1 to 128 characters and no ',' or '='" $key) -}}
{{- else if regexMatch "^((?i:aws:)|classiclb\\.dev/)" $key -}}
{{- $problems = append $problems (printf "aws.defaultTags: the key %q must not start with aws: or classiclb.dev/, which are reserved" $key) -}}
{{- end -}}
{{- end -}}
{{- if .Chart.IsRoot -}}
{{- range $key, $_ := omit (.Values.global | default dict) "imageRegistry" "imagePullSecrets" -}}
{{- $problems = append $problems (printf "global.%s is not read by this chart, and there is no parent chart that could mean it for another" $key) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.metricsTLS.enabled (not .Values.metricsTLS.secret) -}}
{{- $problems = append $problems "metricsTLS.secret is required where metricsTLS.enabled is true: a Secret of type kubernetes.io/tls" -}}
{{- end -}}
{{- if and .Values.metricsTLS.enabled (eq (int .Values.metricsTLS.port) (int .Values.http.port)) -}}
{{- $problems = append $problems "metricsTLS.port and http.port are the same: give them two" -}}
{{- end -}}
{{- range list "podProblems" "envProblems" "listProblems" "resourceProblems" "upgradeProblems" "monitorProblems" -}}
{{- $problems = concat $problems (include (printf "classic-lb-operator.%s" .) $ | fromJsonArray) -}}
{{- end -}}
{{- if and (eq .Values.leaderElection.leasePer "region") (ne .Values.nodeDraining "none") -}}
{{- $problems = append $problems "leaderElection.leasePer region does not go with nodeDraining: no replica knows all load balancers that hold a Node" -}}
{{- end -}}
{{- if and .Values.customCA.configMap .Values.customCA.secret -}}
{{- $problems = append $problems "customCA.configMap and customCA.secret are both set: give one of them" -}}
{{- end -}}
{{- if and .Values.aws.credentials.existingSecret .Values.aws.webIdentity.roleArn -}}
{{- $problems = append $problems "aws.credentials.existingSecret and aws.webIdentity.roleArn are both set: give one of them" -}}
{{- end -}}
{{- if and .Values.aws.webIdentity.roleArn (hasKey (.Values.serviceAccount.annotations | default dict) "eks.amazonaws.com/role-arn") -}}
{{- $problems = append $problems "aws.webIdentity.roleArn is for clusters outside EKS, and serviceAccount.annotations names a role for IRSA: give one of them" -}}
{{- end -}}
{{- range $mount := .Values.extraVolumeMounts -}}
{{- $found := false -}}
{{- range $.Values.extraVolumes -}}
{{- if eq .name $mount.name -}}{{- $found = true -}}{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- $problems = append $problems (printf "extraVolumeMounts names the volume %q, which is not in extraVolumes" $mount.name) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "^[1-5]?[0-9]s$" .Values.resyncPeriod -}}
{{- $problems = append $problems "resyncPeriod must be at least 1m: each load balancer is read that often, and AWS lets an account read about 10 times a second" -}}
{{- end -}}
{{- if regexMatch "^[0-9]s$" .Values.healthInterval -}}
{{- $problems = append $problems "healthInterval must be at least 10s: each load balancer costs one read each time, and AWS lets an account read about 10 times a second" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "CLB_" .name -}}
{{- $problems = append $problems (printf "extraEnv sets %s, a flag of the operator: give the value of this chart that stands for it" .name) -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\nthe values cannot be installed:\n- %s\n" (join "\n- " $problems)) -}}
{{- end -}}
{{- end -}}
