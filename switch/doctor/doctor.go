// Package doctor looks at what a switch needs of its machine and at how a running one does, and says of each thing what
// it saw and what a person should do about it: configuration, key, folders, disk, clock, ports, limits, links, queue,
// business dates.
//
// It changes nothing: it reads names, modes and files, opens no journal and listens at no port. To measure what a sync
// of the data folder's disk takes it writes a few kilobytes into a file without a name, which is gone with it. What
// needs a running switch it is told by its operator API, and each look is bounded.
//
// Reading order: this file, then one a topic (config.go, disk.go, clock.go, ports.go, limits.go, running.go), and
// machine.go for what of the machine is asked.
package doctor

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	txswitch "switchyard/switch"
	"switchyard/switch/configfile"
	"switchyard/switch/operator/client"
)

// Status is how something does.
type Status string

// The statuses.
const (
	OK   Status = "ok"
	Warn Status = "warn" // it works, and somebody should look at it
	Fail Status = "fail" // the switch does not start by it, or takes no work
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Saw    string `json:"saw"`
	Do     string `json:"do,omitempty"` // what a person should do, where it is not in what was seen
}

// Report is all that was looked at.
type Report struct {
	OK     bool    `json:"ok"` // nothing fails
	Checks []Check `json:"checks"`
}

// Patient is a switch that is looked at.
type Patient struct {
	path     string // of its configuration; "": it has none
	config   *txswitch.Config
	unread   error // why the configuration is not known
	machine  *Machine
	operator *client.Client
	running  *running // once it was asked
	checks   []Check
}

// New makes a patient of a configuration file, "" for none, and of its data folder where that is another one than the
// configuration says.
func New(config, data string, m *Machine) *Patient {
	p := &Patient{path: config, machine: m}
	p.config, p.unread = configfile.Load(config)
	if p.unread == nil && data != "" {
		p.config.Data = data
	}
	if p.unread == nil {
		p.config.Data, p.unread = filepath.Abs(p.config.Data)
	}
	return p
}

// Run looks at everything. c asks the operator API.
func (p *Patient) Run(ctx context.Context, c *client.Client) *Report {
	p.operator = c
	p.configuration()
	p.running = p.ask(ctx)
	if p.unread == nil {
		p.key()
		p.certificates()
		p.dataFolder()
		p.disk()
		p.syncs(ctx)
	}
	p.clock()
	if p.unread == nil {
		p.ports(ctx)
	}
	p.limits()
	p.tell()
	report := &Report{OK: true, Checks: p.checks}
	for _, c := range p.checks {
		report.OK = report.OK && c.Status != Fail
	}
	return report
}

func (p *Patient) add(status Status, name, do, format string, args ...any) {
	p.checks = append(p.checks, Check{Name: name, Status: status, Saw: fmt.Sprintf(format, args...), Do: do})
}

func (p *Patient) ok(name, format string, args ...any) { p.add(OK, name, "", format, args...) }

// WriteText prints a line a check.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	wide := 0
	for _, c := range r.Checks {
		wide = max(wide, len(c.Name))
	}
	counts := map[Status]int{}
	for _, c := range r.Checks {
		counts[c.Status]++
		// An error of several lines is still one check.
		line := fmt.Sprintf("%-4s  %-*s  %s", c.Status, wide, c.Name, strings.ReplaceAll(c.Saw, "\n", "; "))
		if c.Do != "" {
			line += "; " + c.Do
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "\n%d ok, %d to look at, %d wrong\n", counts[OK], counts[Warn], counts[Fail])
	_, err := io.WriteString(w, b.String())
	return err
}

// patience bounds what is asked of a running switch, all together.
const patience = 10 * time.Second
