package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"switchyard/internal/httpcall"
	"switchyard/switch/operator"
)

// running is what a running switch told. A nil one told nothing.
type running struct {
	err     error // why it told nothing
	stats   *operator.Stats
	unready string
	at      *operator.ClockStatus
	days    []operator.DayExport
	metrics map[string]*dto.MetricFamily
}

// ask asks the operator API.
func (p *Patient) ask(ctx context.Context) *running {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := &running{}
	if r.stats, r.err = p.operator.Stats(ctx); r.err != nil {
		return r
	}
	var errs [4]error
	r.unready, errs[0] = p.operator.Unready(ctx)
	r.at, errs[1] = p.operator.Clock(ctx)
	r.days, errs[2] = p.operator.Days(ctx)
	r.metrics, errs[3] = p.operator.Metrics(ctx)
	r.err = errors.Join(errs[:]...)
	return r
}

// up tells whether something answered where the operator API is.
func (r *running) up() bool { return r.stats != nil || httpcall.Status(r.err) != 0 }

func (r *running) clock() *operator.ClockStatus { return r.at }

// files are how many files it has open, and how many it may.
func (r *running) files() (open, most uint64, told bool) {
	value := func(name string) float64 {
		if m := r.metrics[name].GetMetric(); len(m) == 1 {
			return m[0].GetGauge().GetValue()
		}
		return 0
	}
	open, most = uint64(value("process_open_fds")), uint64(value("process_max_fds"))
	return open, most, most > 0
}

// tell says how a running switch does.
func (p *Patient) tell() {
	r := p.running
	switch status := httpcall.Status(r.err); {
	case r.stats == nil && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		p.add(Warn, "switch", "--token-file shows who asks", "it runs and does not tell how it does: %v", r.err)
		return
	case r.stats == nil:
		p.add(Warn, "switch", "start it, or name where it is with --operator: links, queue and dates were not looked at",
			"%v", r.err)
		return
	case r.err != nil:
		p.add(Warn, "switch", "", "it did not tell everything: %v", r.err)
	}
	p.ready()
	p.links()
	p.queue()
	p.dates()
}

func (p *Patient) ready() {
	st := p.running.stats
	switch {
	case st.Held:
		p.add(Fail, "switch", "switchctl restore review says what is in doubt", "it is held: %s", p.running.unready)
	case p.running.unready != "":
		p.add(Fail, "switch", "", "it takes no new work: %s", p.running.unready)
	default:
		p.ok("switch", "ready, business date %s", st.OpenDay)
	}
}

func (p *Patient) links() {
	const do = "is the host reachable, and does it sign on? switchd's log says why a link is down"
	all := p.running.stats.Links
	for _, host := range slices.Sorted(maps.Keys(all)) {
		up := 0
		for _, l := range all[host] {
			if l.State == "up" {
				up++
			}
		}
		name := "links of " + host
		switch {
		case up == len(all[host]):
			p.ok(name, "%d of %d are up", up, up)
		case up > 0:
			p.add(Warn, name, do, "%d of %d are up", up, len(all[host]))
		default:
			p.add(Fail, name, do, "none of %d is up", len(all[host]))
		}
	}
}

func (p *Patient) queue() {
	const name = "queue"
	switch saf := p.running.stats.SAF; {
	case saf.Parked > 0:
		p.add(Warn, name, "decide on them: switchctl saf list --parked", "%d advices wait for a person, %d for their host",
			saf.Parked, saf.Queued)
	case saf.Queued > 0:
		p.ok(name, "%d advices wait for their host", saf.Queued)
	default:
		p.ok(name, "empty")
	}
}

func (p *Patient) dates() {
	const name = "dates"
	var problems []string
	for i := range p.running.days {
		if d := &p.running.days[i]; d.Problem != "" {
			problems = append(problems, fmt.Sprintf("%s, %s: %s", d.Date, d.State, d.Problem))
		}
	}
	if len(problems) > 0 {
		p.add(Fail, name, "switchctl days says more", "%s", strings.Join(problems, "; "))
		return
	}
	p.ok(name, "each that is closed has its files")
}
