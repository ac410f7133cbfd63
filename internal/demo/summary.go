package demo

import (
	"encoding/json"
	"os"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/day"
	"switchyard/internal/localday"
)

// Summary is what came of a demo, as summary.json has it.
type Summary struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"`

	Seed     uint64 `json:"seed"`
	Payments int    `json:"payments"`
	InFlight int    `json:"in_flight"` // payments under way at the same time
	Faults   bool   `json:"faults"`    // the issuer answered badly now and then

	Operations []OperationFigures `json:"operations"`
	Latency    []LatencyFigures   `json:"latency"`

	ElapsedS          float64 `json:"elapsed_s"` // of the payments
	PaymentsPerSecond float64 `json:"payments_per_second"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	Requests          uint64  `json:"requests"`
	Retries           uint64  `json:"retries"`    // refused for the moment, then taken
	Unanswered        uint64  `json:"unanswered"` // by the issuer; each was followed until its outcome was known
	DrainS            float64 `json:"drain_s"`    // until the last capture had reached the issuer

	Clearing   []localday.ClearingFile `json:"clearing"`
	Settlement *SettlementFigures      `json:"settlement,omitempty"` // of three days
	Audit      *localday.AuditFigures  `json:"audit,omitempty"`

	Serve []string `json:"serve,omitempty"` // command lines, without their binaries' folder, that serve its data again

	SwitchdMiB float64 `json:"switchd_mib"` // peak resident memory
	IssuerMiB  float64 `json:"issuer_sim_mib"`
}

// OperationFigures are a line of the table of operations.
type OperationFigures struct {
	Op          string           `json:"op"`
	Outcome     string           `json:"outcome"`
	Count       uint64           `json:"count"`
	AmountMinor map[string]int64 `json:"amount_minor"` // by currency
}

// LatencyFigures are how long the answers to one operation, or "all", took.
type LatencyFigures struct {
	Op    string  `json:"op"`
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
}

// answers enters the driver's book.
func (s *Summary) answers(book *day.Book) {
	ops := []string{}
	for _, l := range book.Lines() {
		s.Operations = append(s.Operations, OperationFigures{l.Op, l.Outcome.Outcome, l.Count, l.AmountMinor})
		if len(ops) == 0 || ops[len(ops)-1] != l.Op {
			ops = append(ops, l.Op)
		}
	}
	for _, op := range append(ops, "") {
		f := LatencyFigures{op, milliseconds(book.Latency(op, 50)), milliseconds(book.Latency(op, 99))}
		if op == "" {
			f.Op = "all"
		}
		s.Latency = append(s.Latency, f)
	}
	s.ElapsedS = book.Elapsed.Seconds()
	s.Requests, s.Retries, s.Unanswered = book.Requests(), book.Retries(), book.Unanswered()
	s.PaymentsPerSecond = loadgen.Round(float64(book.Payments()) / s.ElapsedS)
	s.RequestsPerSecond = loadgen.Round(float64(s.Requests) / s.ElapsedS)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// write writes summary.json.
func (s *Summary) write(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}
