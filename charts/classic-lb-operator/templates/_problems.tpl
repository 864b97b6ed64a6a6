{{- /* What does not go together in the pod, as a JSON array of sentences. */ -}}
{{- define "classic-lb-operator.podProblems" -}}
{{- $problems := list -}}
{{- if hasSuffix "/" .Values.image.repository -}}
{{- $problems = append $problems (printf "image.repository %q ends in a slash: give the name of the image, too" .Values.image.repository) -}}
{{- end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) 25 -}}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds is %d: the operator takes up to 25 seconds to end what it does in AWS, so give at least 25" (int .Values.terminationGracePeriodSeconds)) -}}
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
