module classiclb.dev/tools/prometheus-operator

go 1.26.0

// Its definitions alone, for the tests of the chart.
require github.com/prometheus-operator/prometheus-operator v0.85.0
