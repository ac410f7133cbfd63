// Command watch writes the Grafana dashboards of configs/grafana/dashboards.
//
//	go run .          (make dashboards)
//
// It is a module of its own, so that neither Grafana's SDK nor Prometheus is what Switchyard needs. Its tests
// (make rules) hold the dashboards and the alert rules of configs/prometheus against the metrics of running daemons: no
// query may name a metric or a label that there is not, and there may be no metric that no dashboard shows.
//
// panel.go has the few kinds of panels; each dashboard has a file of its own.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// folder is where the dashboards are, from that of this module.
const folder = "../../configs/grafana/dashboards"

// board is a dashboard with the name of its file.
type board struct {
	file  string
	build func() *dashboard.DashboardBuilder
}

// boards are all dashboards.
var boards = []board{
	{"overview.json", overview},
	{"links.json", links},
	{"journal.json", journal},
	{"clearing.json", clearing},
	{"issuer-sim.json", issuerSim},
}

// text is a dashboard as its file has it.
func (b *board) text() ([]byte, error) {
	built, err := b.build().Build()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.file, err)
	}
	text, err := json.MarshalIndent(built, "", "  ")
	return append(text, '\n'), err
}

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

func write() error {
	for i := range boards {
		text, err := boards[i].text()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, boards[i].file), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
