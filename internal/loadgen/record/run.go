package record

import (
	"cmp"
	"strings"
	"time"
)

// Format is the version of the file of a [Run].
const Format = 1

// Run is all that is kept of a run. Times are nanoseconds; At and the like count from the window's first moment.
type Run struct {
	Format  int       `json:"format"`
	Tool    Tool      `json:"tool"`
	Command []string  `json:"command,omitempty"` // as it was called
	Started time.Time `json:"started"`           // the window's first moment, by the wall clock
	Machine Machine   `json:"machine"`
	// Versions are the builds of daemons that were started for it, by their names.
	Versions map[string]string `json:"versions,omitempty"`
	Setup    Setup             `json:"setup"`
	// Notes are what people should know of it, such as steps that were left out, and faults that were not told.
	Notes []string `json:"notes,omitempty"`

	// Window is what rates are over: that of Setup, shorter where the run ended early, which Ended then says why.
	Window time.Duration `json:"window_ns"`
	Ended  string        `json:"ended_early,omitempty"`

	Operations []Operation `json:"operations"`
	Flows      *Flows      `json:"flows,omitempty"`
	// Connections is absent where none was lost.
	Connections *Connections `json:"connections,omitempty"`
	Warmup      Warmup       `json:"warmup"`
	Failures    []Failure    `json:"failures,omitempty"`

	// Lateness is how much later than due requests were sent.
	Lateness Hist `json:"lateness,omitzero"`
	// Tails say how much of what the longest requests waited that was: of those beyond p99.9, and of the longest one.
	Tails []Tail `json:"tails,omitempty"`
	// Unaccounted counts requests that were due in the window and have no outcome, or more than one. It is a fault of
	// the tool.
	Unaccounted uint64 `json:"unaccounted,omitempty"`

	Interval  time.Duration `json:"interval_ns"` // of Intervals: a second, or more in runs of more than an hour
	Outcomes  []Outcome     `json:"outcomes,omitempty"`
	Intervals []Interval    `json:"intervals,omitempty"`

	Usage   []Usage `json:"usage,omitempty"` // of this process ("load") and of daemons that it started
	Verdict Verdict `json:"verdict"`
}

// Tool is what drove.
type Tool struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

// Machine is what it drove on. What the system does not tell is left out.
type Machine struct {
	CPU       string `json:"cpu,omitempty"`
	Cores     int    `json:"cores"`
	Kernel    string `json:"kernel,omitempty"`
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	MemoryMiB int64  `json:"memory_mib,omitempty"`
}

// Model says what a request waits for before it is sent.
type Model string

// The models.
const (
	Open   Model = "open"   // requests are due at times that nothing that the target does moves
	Closed Model = "closed" // a request is due when one before it is over
)

// Setup is what was asked for. Two runs are of a kind if they have the same, but for Seed.
type Setup struct {
	Model    Model         `json:"model"`
	Arrivals string        `json:"arrivals,omitempty"` // such as constant, poisson, ramp; open only
	RateOf   string        `json:"rate_of,omitempty"`  // requests or flows: what Rate counts
	Rate     float64       `json:"rate,omitempty"`     // due a second, if always so many ([Run.AskedRate]); open only
	Course   string        `json:"course,omitempty"`   // of stages: how rates go up and down, in words
	InFlight int           `json:"in_flight,omitempty"`
	Think    time.Duration `json:"think_ns,omitempty"` // closed only
	Warmup   time.Duration `json:"warmup_ns"`
	Window   time.Duration `json:"window_ns"`
	Drain    time.Duration `json:"drain_ns"`
	Timeout  time.Duration `json:"timeout_ns,omitempty"` // for how long a caller waits
	Seed     uint64        `json:"seed"`
	Cards    uint64        `json:"cards,omitempty"`
	Keys     string        `json:"keys,omitempty"` // KeysRandom; absent where they count up, or there are none
	Scenario *Scenario     `json:"scenario,omitempty"`
	Stages   []Stage       `json:"stages,omitempty"`
	Targets  []Target      `json:"targets"`
	Told     bool          `json:"told,omitempty"`    // each answer was written down, which takes the tool longer
	Daemons  *Daemons      `json:"daemons,omitempty"` // of those that were started for it, what is not as it is by default
}

// KeysRandom stands for idempotency keys that are UUIDs, in no order.
const KeysRandom = "random"

// Scenario is a scenario file.
type Scenario struct {
	Name string `json:"name"`
	Text string `json:"text"`
	// What its rates and the times of its course were multiplied by; absent where they are as written.
	ScaleRates float64 `json:"scale_rates,omitempty"`
	ScaleTime  float64 `json:"scale_time,omitempty"`
}

// Daemons are a switch and an issuer that were started for a run.
type Daemons struct {
	Switch      string `json:"switch,omitempty"`       // the binary in switchd's place
	Data        string `json:"data,omitempty"`         // the folder that switchd began with
	IssuerRules string `json:"issuer_rules,omitempty"` // the text of the rules
}

// Stage is a part of the window, or a fault that was switched at a moment.
type Stage struct {
	At   time.Duration `json:"at_ns"`
	Name string        `json:"name"`
}

// Target is a port that was driven.
type Target struct {
	Kind        string  `json:"kind"` // gateway, http, iso
	Address     string  `json:"address"`
	Local       bool    `json:"local,omitempty"` // started for the run, on a port that was free
	Connections int     `json:"connections"`
	Dialect     string  `json:"dialect,omitempty"`
	Framing     string  `json:"framing,omitempty"`
	TLS         bool    `json:"tls,omitempty"`
	Weight      float64 `json:"weight,omitempty"`
	Gateway     string  `json:"gateway,omitempty"` // the name that was said in a hello
	// Of an ISO 8583 host, what is not as it is by default, so that runs of before these were written down compare with
	// those of today: the elements that an answer repeats, that it was not signed on at, and how often it was asked
	// whether it lives; 0 for never.
	Match    []int          `json:"match,omitempty"`
	NoSignOn bool           `json:"no_sign_on,omitempty"`
	Echo     *time.Duration `json:"echo_ns,omitempty"`
	// SignOn stands in records of 2026-11-26 alone, which had defaults, too. Read takes it away.
	SignOn *bool `json:"sign_on,omitempty"`
}

// asToday reads a target that was signed on at in a record of 2026-11-26, which had defaults, too: an echo each half a
// minute, and none where there was none.
func (t *Target) asToday() {
	switch {
	case t.SignOn == nil:
		return
	case t.Echo == nil:
		t.Echo = new(time.Duration)
	case *t.Echo == 30*time.Second:
		t.Echo = nil
	}
	t.SignOn = nil
}

// Operation is what came of the requests of one operation that were due in the window.
type Operation struct {
	Name     string  `json:"name"`
	Asked    *uint64 `json:"asked,omitempty"` // due; open loop only
	Sent     uint64  `json:"sent"`
	Outcomes []Count `json:"outcomes,omitempty"`
	// WithoutLatency counts those that ended at once and never were sent: no connection took them, or they could not be
	// made. They are in neither distribution, where they would pass for the quickest.
	WithoutLatency uint64 `json:"without_latency,omitempty"`
	Latency        Hist   `json:"latency,omitzero"` // since each was due, of all others
	Service        Hist   `json:"service,omitzero"` // since each was sent, of those that were
}

// Tail is the requests that waited longest.
type Tail struct {
	Percent  float64       `json:"percent"`  // that they lie beyond: 99.9, or 100 for the longest one
	Requests uint64        `json:"requests"` // at least so many as lie there
	Waited   time.Duration `json:"waited_ns"`
	Late     time.Duration `json:"late_ns"` // of Waited, until they were sent
}

// Share is the part of what they waited, in percent, that passed before they were sent.
func (t Tail) Share() float64 { return 100 * float64(t.Late) / float64(max(t.Waited, 1)) }

// Connections counts the connections that broke in the run, the warm-up too, and those that were there again.
type Connections struct {
	Lost      uint64 `json:"lost"`
	Redialled uint64 `json:"redialled"`
}

// Count is how many requests had an outcome.
type Count struct {
	Outcome
	N uint64 `json:"count"`
}

// Flows counts whole flows, such as an authorization and its captures, that were due in the window.
type Flows struct {
	Asked    *uint64 `json:"asked,omitempty"` // open loop only
	Ended    uint64  `json:"ended"`
	Complete uint64  `json:"complete"` // of the ended: with all of their requests, each of which had an outcome
	// Cut are those that were left where they were, because what was next of them was due when the window was over.
	Cut uint64 `json:"cut,omitempty"`
}

// Warmup counts the requests that were due before the window.
type Warmup struct {
	Requests uint64  `json:"requests"`
	Outcomes []Count `json:"outcomes,omitempty"`
}

// Failure is a way in which something went wrong, with an example.
type Failure struct {
	Outcome
	Requests uint64        `json:"requests,omitempty"` // that were due in the window and came to this
	Frames   uint64        `json:"frames,omitempty"`   // that came and completed no request, of the whole run
	First    time.Duration `json:"first_ns"`
	Last     time.Duration `json:"last_ns"`
	Example  string        `json:"example,omitempty"` // one frame or answer, masked
	Nearest  string        `json:"nearest,omitempty"` // what it comes nearest to, and in what it differs
}

// Interval is a second, or longer: Run.Interval. Outcomes and Latency are of the requests that were due in it, whenever
// they ended; the rest is of what happened in it.
type Interval struct {
	At       time.Duration `json:"at_ns"`
	Asked    *uint64       `json:"asked,omitempty"` // open loop only
	Flows    *uint64       `json:"flows_asked,omitempty"`
	Sent     uint64        `json:"sent"`
	Answered uint64        `json:"answered"`
	InFlight uint64        `json:"in_flight"`          // at its end
	Outcomes []uint64      `json:"outcomes,omitempty"` // as Run.Outcomes lists them; shorter where the rest is 0
	Latency  Sparse        `json:"latency,omitzero"`
}

// Usage is what a process took for the run.
type Usage struct {
	Process string        `json:"process"`
	CPU     time.Duration `json:"cpu_ns"`
	// PerRequest is of all requests that were sent, of the warm-up too.
	PerRequest time.Duration `json:"cpu_per_request_ns,omitempty"`
	Allocs     float64       `json:"allocs_per_request,omitempty"`
	PeakMiB    float64       `json:"peak_mib,omitempty"`
}

// Verdict says whether the figures mean something, and then whether they are good enough. A run that is not valid does
// not pass.
type Verdict struct {
	Valid      bool    `json:"valid"`
	Validity   []Check `json:"validity,omitempty"`
	Passed     bool    `json:"passed"`
	Thresholds []Check `json:"thresholds,omitempty"`
}

// Check is a figure and its bound.
type Check struct {
	Name      string   `json:"name"`
	Operation string   `json:"operation,omitempty"`
	Unit      string   `json:"unit,omitempty"`
	Measured  *float64 `json:"measured,omitempty"` // absent: there was nothing to measure, which is not OK
	Bound     string   `json:"bound"`              // most or least
	Limit     float64  `json:"limit"`
	OK        bool     `json:"ok"`
	Why       string   `json:"why,omitempty"` // what it means for the figures, for people
}

// NotValid names the checks of a run's validity that it did not pass; "" where it is valid.
func NotValid(valid bool, validity []Check) string {
	var why []string
	for _, c := range validity {
		if !c.OK {
			why = append(why, c.Name)
		}
	}
	if len(why) == 0 && !valid {
		return "not judged"
	}
	return strings.Join(why, ", ")
}

// Bounds of a Check.
const (
	Most  = "most"
	Least = "least"
)

// AskedRate is what was due a second of the window, and whether that is requests or flows: the rate that was asked for,
// or where it was not one but a course of them what it came to; false where there was none.
func (r *Run) AskedRate() (rate float64, of string, ok bool) {
	of = cmp.Or(r.Setup.RateOf, "requests")
	all := r.Total()
	switch {
	case r.Setup.Model != Open:
	case r.Setup.Scenario == nil:
		return r.Setup.Rate, of, r.Setup.Rate > 0
	case r.Window <= 0:
	case of == "flows" && r.Flows != nil && r.Flows.Asked != nil:
		return float64(*r.Flows.Asked) / r.Window.Seconds(), of, true
	case all.Asked != nil:
		return float64(*all.Asked) / r.Window.Seconds(), "requests", true
	}
	return 0, "", false
}

// Total is what came of the requests of all operations together.
func (r *Run) Total() Operation {
	all := Operation{Name: "all"}
	counts := map[Outcome]uint64{}
	for i := range r.Operations {
		op := &r.Operations[i]
		if op.Asked != nil {
			if all.Asked == nil {
				all.Asked = new(uint64)
			}
			*all.Asked += *op.Asked
		}
		all.Sent += op.Sent
		all.WithoutLatency += op.WithoutLatency
		all.Latency.Merge(op.Latency)
		all.Service.Merge(op.Service)
		for _, c := range op.Outcomes {
			counts[c.Outcome] += c.N
		}
	}
	all.Outcomes = sortedCounts(counts)
	return all
}

// Quantile is the latency that percent of all of its requests stayed within, where one without a latency counts as one
// that stayed within none. ok is false where so many did not, or there are none.
func (o *Operation) Quantile(percent float64) (d time.Duration, ok bool) {
	n := float64(o.Latency.Count())
	if percent *= (n + float64(o.WithoutLatency)) / max(n, 1); percent > 100 {
		return 0, false
	}
	return o.Latency.Quantile(percent)
}

// Count is how many of its requests have an outcome of a class.
func (o *Operation) Count(class Class) (n uint64) {
	for _, c := range o.Outcomes {
		if c.Class == class {
			n += c.N
		}
	}
	return n
}

// Failed is how many of its requests have no outcome of their payment.
func (o *Operation) Failed() (n uint64) {
	for _, c := range o.Outcomes {
		if c.Class.Failed() {
			n += c.N
		}
	}
	return n
}

// Ended is how many of its requests have any outcome.
func (o *Operation) Ended() (n uint64) {
	for _, c := range o.Outcomes {
		n += c.N
	}
	return n
}
