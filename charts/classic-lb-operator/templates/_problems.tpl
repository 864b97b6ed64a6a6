{{- /* What does not go together in the pod, as a JSON array of sentences. */ -}}
{{- define "classic-lb-operator.podProblems" -}}
{{- $problems := list -}}
{{- if hasSuffix "/" .Values.image.repository -}}
{{- $problems = append $problems (printf "image.repository %q ends in a slash: give the name of the image, too" .Values.image.repository) -}}
{{- end -}}
{{- $sleep := int (dig "preStop" "sleep" "seconds" 0 (.Values.lifecycle | default dict)) -}}
{{- $grace := int .Values.terminationGracePeriodSeconds -}}
{{- if and $sleep (lt $grace (add $sleep 25 | int)) -}}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds is %d, of which lifecycle.preStop.sleep takes %d: the operator takes up to 25 seconds more to end what it does in AWS, so give at least %d" $grace $sleep (add $sleep 25)) -}}
{{- else if lt $grace 25 -}}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds is %d: the operator takes up to 25 seconds to end what it does in AWS, so give at least 25" $grace) -}}
{{- end -}}
{{- $containers := list "operator" -}}
{{- range $member := list "initContainers" "sidecars" -}}
{{- range get $.Values $member | default list -}}
{{- if has .name $containers -}}
{{- $problems = append $problems (printf "%s has a container %q, and so has the pod already: give it another name" $member .name) -}}
{{- end -}}
{{- $containers = append $containers .name -}}
{{- end -}}
{{- end -}}
{{- $volumes := list "metrics-tls" "aws-token" "custom-ca" -}}
{{- range .Values.extraVolumes -}}
{{- if has .name $volumes -}}
{{- $problems = append $problems (printf "extraVolumes has a volume %q, a name that is taken: give it another one" .name) -}}
{{- end -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- $paths := list "/etc/classic-lb-operator/metrics" "/var/run/secrets/classiclb.dev/aws" "/etc/classic-lb-operator/ca" -}}
{{- range .Values.extraVolumeMounts -}}
{{- if has (.mountPath | trimSuffix "/") $paths -}}
{{- $problems = append $problems (printf "extraVolumeMounts has the path %q, which is taken: give it another one" .mountPath) -}}
{{- end -}}
{{- $paths = append $paths (.mountPath | trimSuffix "/") -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- /* Variables that are given twice, as a JSON array of sentences: the API server takes no two of a name. */ -}}
{{- define "classic-lb-operator.envProblems" -}}
{{- $problems := list -}}
{{- $own := list -}}
{{- range include "classic-lb-operator.ownEnv" . | fromYamlArray -}}
{{- $own = append $own .name -}}
{{- end -}}
{{- $values := dict "AWS_REGION" "aws.region" "AWS_ENDPOINT_URL" "aws.endpointUrl" "AWS_USE_FIPS_ENDPOINT" "aws.useFipsEndpoint" "AWS_USE_DUALSTACK_ENDPOINT" "aws.useDualstackEndpoint" "SSL_CERT_DIR" "customCA" -}}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" -}}
{{- $_ := set $values . "aws.credentials.existingSecret" -}}
{{- end -}}
{{- range list "AWS_ROLE_ARN" "AWS_WEB_IDENTITY_TOKEN_FILE" "AWS_ROLE_SESSION_NAME" -}}
{{- $_ := set $values . "aws.webIdentity.roleArn" -}}
{{- end -}}
{{- $seen := list -}}
{{- range .Values.extraEnv -}}
{{- if has .name $own -}}
{{- $problems = append $problems (printf "extraEnv sets %s, and so does %s: give one of them" .name (get $values .name)) -}}
{{- else if has .name $seen -}}
{{- $problems = append $problems (printf "extraEnv sets %s twice: take one of them out" .name) -}}
{{- end -}}
{{- if and .value .valueFrom -}}
{{- $problems = append $problems (printf "extraEnv gives %s a value and a valueFrom: give one of them" .name) -}}
{{- end -}}
{{- $seen = append $seen .name -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- /* What stands twice in a list or cannot stand in it, as a JSON array of sentences. */ -}}
{{- define "classic-lb-operator.listProblems" -}}
{{- $problems := list -}}
{{- $seen := list -}}
{{- range .Values.imagePullSecrets -}}
{{- if has .name $seen -}}
{{- $problems = append $problems (printf "imagePullSecrets names %q twice: take one of them out" .name) -}}
{{- end -}}
{{- $seen = append $seen .name -}}
{{- end -}}
{{- $seen = list -}}
{{- range .Values.hostAliases -}}
{{- if has .ip $seen -}}
{{- $problems = append $problems (printf "hostAliases names the address %q twice: give it all its hostnames at once" .ip) -}}
{{- end -}}
{{- $seen = append $seen .ip -}}
{{- end -}}
{{- $seen = list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- $key := printf "%q with %s" .topologyKey .whenUnsatisfiable -}}
{{- if has $key $seen -}}
{{- $problems = append $problems (printf "topologySpreadConstraints has %s twice: take one of them out" $key) -}}
{{- end -}}
{{- if and .minDomains (ne .whenUnsatisfiable "DoNotSchedule") -}}
{{- $problems = append $problems (printf "topologySpreadConstraints gives %q minDomains, which goes with whenUnsatisfiable: DoNotSchedule alone" .topologyKey) -}}
{{- end -}}
{{- $seen = append $seen $key -}}
{{- end -}}
{{- $names := list "http" -}}
{{- $ports := list (printf "%d/TCP" (int .Values.http.port)) -}}
{{- if .Values.metricsTLS.enabled -}}
{{- $names = append $names "metrics" -}}
{{- $ports = append $ports (printf "%d/TCP" (int .Values.metricsTLS.port)) -}}
{{- end -}}
{{- range .Values.service.extraPorts -}}
{{- $port := printf "%d/%s" (int .port) (.protocol | default "TCP") -}}
{{- if has .name $names -}}
{{- $problems = append $problems (printf "service.extraPorts has a port named %s, and so has the Service already: give it another name" .name) -}}
{{- else if has $port $ports -}}
{{- $problems = append $problems (printf "service.extraPorts has the port %s, and so has the Service already: give it another one" $port) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- $ports = append $ports $port -}}
{{- end -}}
{{- if and (eq .Values.dnsPolicy "None") (not (.Values.dnsConfig | default dict).nameservers) -}}
{{- $problems = append $problems "dnsPolicy None takes no name server from the cluster: give dnsConfig.nameservers" -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- /* A quantity, such as 256Mi or 10m, as a number. */ -}}
{{- define "classic-lb-operator.quantity" -}}
{{- if kindIs "string" . -}}
{{- $units := dict "" 1 "m" 0.001 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "P" 1000000000000000 "E" 1000000000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- printf "%.3f" (mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[A-Za-z]*$" .))) -}}
{{- else -}}
{{- printf "%.3f" (float64 .) -}}
{{- end -}}
{{- end -}}

{{- /* Requests that are more than their limits, as a JSON array of sentences. */ -}}
{{- define "classic-lb-operator.resourceProblems" -}}
{{- $problems := list -}}
{{- with .Values.resources -}}
{{- $limits := .limits | default dict -}}
{{- range $name, $request := .requests -}}
{{- with get $limits $name -}}
{{- if gt (include "classic-lb-operator.quantity" $request | float64) (include "classic-lb-operator.quantity" . | float64) -}}
{{- $shown := list -}}
{{- range list $request . -}}
{{- $shown = append $shown (ternary (toString .) (toJson .) (kindIs "string" .)) -}}
{{- end -}}
{{- $problems = append $problems (printf "resources.requests.%s %s is more than resources.limits.%s %s: raise the limit, or ask for less" $name (first $shown) $name (last $shown)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- /* Whether a number or a percentage of pods is none at all. */ -}}
{{- define "classic-lb-operator.isNone" -}}
{{- if toString . | regexMatch "^0+%?$" -}}true{{- end -}}
{{- end -}}

{{- /* What keeps pods from being exchanged, as a JSON array of sentences. */ -}}
{{- define "classic-lb-operator.upgradeProblems" -}}
{{- $problems := list -}}
{{- if eq .Values.strategy.type "RollingUpdate" -}}
{{- with include "classic-lb-operator.rollingUpdate" . | fromYaml -}}
{{- if and (include "classic-lb-operator.isNone" .maxUnavailable) (include "classic-lb-operator.isNone" .maxSurge) -}}
{{- $problems = append $problems "strategy.rollingUpdate.maxUnavailable and maxSurge are both 0, so that no pod is ever exchanged: let one of them be 1" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $replicas := int .Values.replicas -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and .enabled (gt $replicas 1) -}}
{{- $least := toString .minAvailable -}}
{{- if not (has $least (list "" "<nil>")) -}}
{{- /* Percentages of pods are rounded up. */ -}}
{{- $stay := ternary (divf (mulf $replicas (trimSuffix "%" $least | atoi)) 100 | ceil | int) (int .minAvailable) (hasSuffix "%" $least) -}}
{{- if ge $stay $replicas -}}
{{- $problems = append $problems (printf "podDisruptionBudget.minAvailable %s of %d replicas lets no pod go, so that no node can be drained: let fewer stay, or raise replicas" $least $replicas) -}}
{{- end -}}
{{- else if has (toString .maxUnavailable) (list "" "<nil>") -}}
{{- $problems = append $problems "podDisruptionBudget has neither maxUnavailable nor minAvailable: give one of them" -}}
{{- else if include "classic-lb-operator.isNone" .maxUnavailable -}}
{{- $problems = append $problems (printf "podDisruptionBudget.maxUnavailable %s of %d replicas lets no pod go, so that no node can be drained: let it be 1" (toString .maxUnavailable) $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- /* A duration, such as 1m30s, in seconds. */ -}}
{{- define "classic-lb-operator.seconds" -}}
{{- $units := dict "s" 1 "m" 60 "h" 3600 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[smh]" . -1 -}}
{{- $sum = add $sum (mul (regexFind "^[0-9]+" .) (get $units (regexFind "[smh]" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{- /* What keeps a monitor from scraping as it should, as a JSON array of sentences. */ -}}
{{- define "classic-lb-operator.monitorProblems" -}}
{{- $problems := list -}}
{{- range $name := list "serviceMonitor" "podMonitor" -}}
{{- with get $.Values $name -}}
{{- if .enabled -}}
{{- if gt (include "classic-lb-operator.seconds" .scrapeTimeout | int64) (include "classic-lb-operator.seconds" .interval | int64) -}}
{{- $problems = append $problems (printf "%s.scrapeTimeout %s is longer than %s.interval %s, which Prometheus refuses" $name .scrapeTimeout $name .interval) -}}
{{- end -}}
{{- /* At another port somebody else asks for a token, or does not. */ -}}
{{- $own := or (not .port) (eq .port "metrics") -}}
{{- $tls := $.Values.metricsTLS -}}
{{- if and $own $tls.enabled $tls.authentication (not (or .authorization .bearerTokenFile)) -}}
{{- $ways := ternary "bearerTokenFile or authorization" "authorization" (eq $name "serviceMonitor") -}}
{{- $problems = append $problems (printf "%s shows no token, and metricsTLS.authentication lets nobody read without one: give %s.%s, or set metricsTLS.authentication=false" $name $name $ways) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- /* The ports of the addresses that the operator is given beside those of AWS, as a JSON array. */ -}}
{{- define "classic-lb-operator.endpointPorts" -}}
{{- $ports := list -}}
{{- range list .Values.aws.endpointUrl .Values.traces.endpoint -}}
{{- if . -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) | int -}}
{{- if not (has $port $ports) -}}
{{- $ports = append $ports $port -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $ports -}}
{{- end -}}
