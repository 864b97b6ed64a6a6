// Says of Kubernetes objects what tools that judge by kstatus say of them, Flux among them. It reads JSON objects from
// standard input, one a line, and writes for each, at once, one line: the status, a tab, and the message.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// An object may be as large as etcd takes, which is more than the 64 KiB that a scanner takes by itself.
const longestLine = 4 << 20

// Keeps a message on its line, and apart from the status.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for number := 1; lines.Scan(); number++ {
		answer, err := judge(lines.Bytes())
		if err != nil {
			fail(fmt.Errorf("line %d: %w", number, err))
		}
		fmt.Println(answer)
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func judge(line []byte) (string, error) {
	// Its own decoder, since whole numbers have to be integers: encoding/json makes floats of them, and kstatus then
	// takes the generations for malformed.
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(line); err != nil {
		return "", err
	}
	result, err := status.Compute(&object)
	if err != nil {
		return "", err
	}
	return result.Status.String() + "\t" + oneLine.Replace(result.Message), nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kstatus:", err)
	os.Exit(1)
}
