package record

import (
	"math"
	"time"
)

// Summary is a run as switchctl load --json prints it: one object of figures. What was not measured is left out.
type Summary struct {
	TPS         *float64          `json:"tps,omitempty"` // approved requests a second of the window
	P50MS       *float64          `json:"p50_ms,omitempty"`
	P90MS       *float64          `json:"p90_ms,omitempty"`
	P99MS       *float64          `json:"p99_ms,omitempty"`
	P999MS      *float64          `json:"p999_ms,omitempty"`
	MaxMS       *float64          `json:"max_ms,omitempty"`
	Errors      uint64            `json:"errors"` // requests without an outcome of their payment
	ErrorCodes  map[string]uint64 `json:"error_codes,omitempty"`
	Approved    uint64            `json:"approved"`
	Declined    uint64            `json:"declined"`
	Declines    map[string]uint64 `json:"declines,omitempty"` // by DE39
	InFlight    int               `json:"in_flight,omitempty"`
	Rate        float64           `json:"rate,omitempty"` // due a second; of a scenario, over its window
	RateOf      string            `json:"rate_of,omitempty"`
	LateP99MS   *float64          `json:"late_p99_ms,omitempty"` // how late the tool itself was
	DurationS   float64           `json:"duration_s"`            // the window
	Connections int               `json:"connections"`
	Seed        uint64            `json:"seed"`
	Requests    uint64            `json:"requests"` // all, of the warm-up too
	LoadCPUUS   float64           `json:"load_cpu_us,omitempty"`
	// Of daemons that were started for the run.
	SwitchdCPUUS  float64 `json:"switchd_cpu_us,omitempty"`
	IssuerCPUUS   float64 `json:"issuer_sim_cpu_us,omitempty"`
	SwitchdAllocs float64 `json:"switchd_allocs,omitempty"`
	SwitchdMiB    float64 `json:"switchd_mib,omitempty"`
	IssuerMiB     float64 `json:"issuer_sim_mib,omitempty"`

	Model      Model    `json:"model"`
	Valid      bool     `json:"valid"`
	Passed     bool     `json:"passed"`
	EndedEarly string   `json:"ended_early,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	AskedTPS   *float64 `json:"asked_per_s,omitempty"` // requests due a second; open loop only
	SentTPS    *float64 `json:"sent_per_s,omitempty"`
	LateMaxMS  *float64 `json:"late_max_ms,omitempty"`
	// Of what the requests beyond p99.9, and the longest one, waited: the share, in percent, that passed before they were
	// sent.
	LateOfP999 *float64          `json:"late_of_p999,omitempty"`
	LateOfMax  *float64          `json:"late_of_max,omitempty"`
	Classes    map[string]uint64 `json:"classes"` // requests by what came of them
	Unsent     uint64            `json:"unsent"`  // due and never sent: the tool's own failure
	// WithoutLatency counts requests that no connection took, or that could not be made: they are in no percentile.
	WithoutLatency uint64                      `json:"without_latency,omitempty"`
	Service        *Quantiles                  `json:"service,omitempty"`
	Operations     map[string]OperationSummary `json:"operations,omitempty"`
	Flows          *Flows                      `json:"flows,omitempty"`
	Validity       []Check                     `json:"validity,omitempty"`
	Thresholds     []Check                     `json:"thresholds,omitempty"`
}

// Quantiles are those of a distribution, in milliseconds.
type Quantiles struct {
	P50MS  float64 `json:"p50_ms"`
	P90MS  float64 `json:"p90_ms"`
	P99MS  float64 `json:"p99_ms"`
	P999MS float64 `json:"p999_ms"`
	MaxMS  float64 `json:"max_ms"`
}

// OperationSummary is an operation of a Summary.
type OperationSummary struct {
	Requests uint64            `json:"requests"`
	PerS     *float64          `json:"per_s,omitempty"`
	Approved uint64            `json:"approved"`
	Outcomes map[string]uint64 `json:"outcomes"`
	Latency  *Quantiles        `json:"latency,omitempty"`
	Service  *Quantiles        `json:"service,omitempty"`
}

// Summarize makes the object of --json.
func (r *Run) Summarize() *Summary {
	all := r.Total()
	s := &Summary{
		TPS: r.perSecond(all.Count(Approved)), Errors: all.Failed(), Approved: all.Count(Approved),
		Declined: all.Count(Declined), InFlight: r.Setup.InFlight, DurationS: r.Window.Seconds(),
		Seed: r.Setup.Seed, Requests: all.Ended() + r.Warmup.Requests,
		Model: r.Setup.Model, Valid: r.Verdict.Valid, Passed: r.Verdict.Passed, EndedEarly: r.Ended, Notes: r.Notes,
		Classes: map[string]uint64{}, Unsent: all.Count(Unsent),
		WithoutLatency: all.WithoutLatency, Service: QuantilesOf(all.Service), Flows: r.Flows,
		Validity: r.Verdict.Validity, Thresholds: r.Verdict.Thresholds, SentTPS: r.perSecond(all.Sent),
	}
	if r.Setup.Model == Open {
		s.InFlight = 0
	}
	if rate, of, ok := r.AskedRate(); ok {
		s.Rate, s.RateOf = rate, of
		if r.Setup.Scenario != nil {
			s.Rate = tenth(rate)
		}
	}
	if all.Asked != nil {
		s.AskedTPS = r.perSecond(*all.Asked)
	}
	if q := QuantilesOf(all.Latency); q != nil {
		s.P50MS, s.P90MS, s.P99MS, s.P999MS, s.MaxMS = &q.P50MS, &q.P90MS, &q.P99MS, &q.P999MS, &q.MaxMS
	}
	if q := QuantilesOf(r.Lateness); q != nil {
		s.LateP99MS, s.LateMaxMS = &q.P99MS, &q.MaxMS
	}
	for _, tail := range r.Tails {
		share := tenth(tail.Share())
		if tail.Percent == longestOne {
			s.LateOfMax = &share
		} else {
			s.LateOfP999 = &share
		}
	}
	for _, t := range r.Setup.Targets {
		s.Connections += t.Connections
	}
	for _, c := range all.Outcomes {
		s.count(c)
	}
	for i := range r.Operations {
		s.addOperation(r, &r.Operations[i])
	}
	s.took(r.Usage)
	return s
}

func (s *Summary) count(c Count) {
	s.Classes[c.Class.String()] += c.N
	switch {
	case c.Class == Declined:
		add(&s.Declines, c.Code, c.N)
	case c.Class.Failed():
		add(&s.ErrorCodes, c.errorCode(), c.N)
	}
}

// errorCode is how error_codes names an outcome. Names of before there were classes stay.
func (o Outcome) errorCode() string {
	switch {
	case o.Class == Refused && o.Code != "":
		return o.Code
	case o.Class == NoAnswer && o.Code == "":
		return "unanswered"
	case o.Class == ConnectionLost && o.Code != "":
		return "connection: " + o.Code
	case o.Code == "":
		return o.Class.String()
	}
	return o.Class.String() + ": " + o.Code
}

func add(m *map[string]uint64, key string, n uint64) {
	if *m == nil {
		*m = map[string]uint64{}
	}
	(*m)[key] += n
}

func (s *Summary) addOperation(r *Run, op *Operation) {
	if op.Ended() == 0 && op.Sent == 0 {
		return
	}
	o := OperationSummary{
		Requests: op.Ended(), PerS: r.perSecond(op.Ended()), Approved: op.Count(Approved), Outcomes: map[string]uint64{},
		Latency: QuantilesOf(op.Latency), Service: QuantilesOf(op.Service),
	}
	for _, c := range op.Outcomes {
		o.Outcomes[c.String()] += c.N
	}
	if s.Operations == nil {
		s.Operations = map[string]OperationSummary{}
	}
	s.Operations[op.Name] = o
}

// Names of the processes of a Usage.
const (
	ProcessLoad    = "load"
	ProcessSwitchd = "switchd"
	ProcessIssuer  = "issuer-sim"
)

func (s *Summary) took(usage []Usage) {
	for _, u := range usage {
		us := tenth(float64(u.PerRequest) / float64(time.Microsecond))
		switch u.Process {
		case ProcessLoad:
			s.LoadCPUUS = us
		case ProcessSwitchd:
			s.SwitchdCPUUS, s.SwitchdAllocs, s.SwitchdMiB = us, tenth(u.Allocs), tenth(u.PeakMiB)
		case ProcessIssuer:
			s.IssuerCPUUS, s.IssuerMiB = us, tenth(u.PeakMiB)
		}
	}
}

// perSecond is a rate over the window; nil where there was none.
func (r *Run) perSecond(n uint64) *float64 {
	if r.Window <= 0 {
		return nil
	}
	rate := tenth(float64(n) / r.Window.Seconds())
	return &rate
}

// tenth leaves one decimal.
func tenth(x float64) float64 { return math.Round(x*10) / 10 }

// QuantilesOf are a distribution's; nil where there is nothing in it.
func QuantilesOf(h Hist) *Quantiles {
	if h.Count() == 0 {
		return nil
	}
	ms := func(percent float64) float64 {
		d, _ := h.Quantile(percent)
		return MS(d)
	}
	longest, _ := h.Max()
	return &Quantiles{P50MS: ms(50), P90MS: ms(90), P99MS: ms(99), P999MS: ms(99.9), MaxMS: MS(longest)}
}

// MS is a time in milliseconds, to a microsecond.
func MS(d time.Duration) float64 { return float64(d.Round(time.Microsecond).Microseconds()) / 1000 }
