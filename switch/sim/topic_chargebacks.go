package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/httpcall"
	"switchyard/switch/clearing"
)

// The issuer charges presentments back in several parts, each under a reference of its own (DE95), and charges back
// again what is presented a second time (1442/451, 454): by rule, and by order as soon as it has taken a file. Each
// part is decided about by itself; what is charged back again is lost.

func init() { addTopic(topic{name: "chargebacks", since: 26, draw: drawChargebacks}) }

const chargebacksPercent = 70

func drawChargebacks(t *rapid.T, p *Plan) section {
	if _, disputes := sectionOf[disputesSection](p); !disputes || !percent(t, chargebacksPercent) {
		return nil
	}
	return chargebacksSection{
		Parts: bits(t, 4), Again: []int{0, 30, 70}[bits(t, 3)], AgainPart: []int{100, 50}[bits(t, 2)],
	}
}

// chargebacksSection says what the issuer does of a hundred second presentments, and in how many parts it charges back,
// at the most, of some of the first ones.
type chargebacksSection struct {
	Parts     int
	Again     int // are charged back again by rule
	AgainPart int // percent of the amount
}

// String implements section.
func (s chargebacksSection) String() string {
	return fmt.Sprintf("up to %d parts of a presentment are charged back by order; %d %% of second presentments are "+
		"charged back again, by %d %% of the amount, and some by order", s.Parts, s.Again, s.AgainPart)
}

// rules implements hosts: the list that the topic of rejects has begun goes on.
func (s chargebacksSection) rules(calm bool) string {
	if calm {
		return ""
	}
	return fmt.Sprintf("  - when: {second: true}\n    probability: %g\n    chargeback: {reason: \"4854\", percent: %d}\n",
		float64(s.Again)/100, s.AgainPart)
}

func (s chargebacksSection) begin(w *world) any { return &chargebacksPart{chargebacksSection: s, w: w} }

type chargebacksPart struct {
	chargebacksSection
	w    *world
	over atomic.Bool // nobody would decide about it any more
}

// conclude implements concludes. It comes after that of disputes.
func (s *chargebacksPart) conclude() { s.over.Store(true) }

// delivered implements delivers: it orders some chargebacks of what is in a file.
func (s *chargebacksPart) delivered(path string, text []byte) {
	if s.over.Load() {
		return
	}
	err := eachRecord(text, func(_ *clearing.Reader, r *clearing.Record) error {
		if r.MTI == "1240" && !r.Reversal() {
			s.chargeBack(r)
		}
		return nil
	})
	if err != nil {
		s.w.failf("I8 a clearing file that the issuer has taken cannot be read", "%s: %v", path, err)
	}
}

// chargeBack orders chargebacks of what is in a record, or none.
func (s *chargebacksPart) chargeBack(r *clearing.Record) {
	chance, reference := s.w.chance, r.IssuerReference()
	about := hashOf(r.Text(31) + reference + r.FunctionCode())
	function := r.FunctionCode()
	second := function == secondFull || function == secondPart
	amount, _ := r.AmountMinor()
	if amount == 0 || chance.oneIn(3, "not charged back as it comes", about) == second {
		return
	}
	if second {
		order := map[string]any{"arn": r.Text(31), "reason": "4855", "second": true}
		if chance.oneIn(2, "by reference", about) {
			order["reference"] = reference
		}
		if chance.oneIn(2, "again in part", about) {
			order["amount"] = 1 + chance.below(int(amount), "of it again", about)
		}
		s.order("a second chargeback", order)
		return
	}
	for n := range s.Parts {
		s.order("a part", map[string]any{
			"arn": r.Text(31), "reason": "4856", "amount": 1 + chance.below(int(amount), "of it in part", about+uint64(n)),
		})
	}
}

// order gives an order to the clearing system. It may be down, and refuses what it has charged back before, what
// credits the cardholder, and what it has not taken.
func (s *chargebacksPart) order(what string, order map[string]any) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, err := json.Marshal(order)
	if err == nil {
		err = s.w.control(ctx, "POST", "/v1/clearing/chargebacks", text, nil)
	}
	switch status := httpcall.Status(err); {
	case err == nil:
		s.w.faults.add("ordered of the clearing system: "+what, 1)
	case status == http.StatusBadRequest:
		s.w.failf("an order of the clearing system fails", "%s: %v", text, err)
	}
}

// check implements checks: no more is charged back than was presented, or was presented again, and each dispute has its
// own reference.
func (s *chargebacksPart) check(all []*books) {
	for _, b := range all {
		for i := range b.list {
			s.checkPayment(&b.list[i])
		}
	}
}

func (s *chargebacksPart) checkPayment(p *exported) {
	first, again := map[answered]int64{}, map[answered]int64{}
	charged, represented := map[int]int64{}, map[answered]int64{}
	for i := range p.Ops {
		op := &p.Ops[i]
		switch d := (answered{op.Target, op.IssuerReference}); {
		case op.Op == "represent":
			represented[p.answers(i)] = op.Amount
		case op.Op != "chargeback":
		case first[d] == 0:
			first[d] = op.Amount
			if charged[d.presentment] += op.Amount; charged[d.presentment] > p.Ops[d.presentment].Granted {
				s.w.failf("I18 more is charged back than was presented", "payment %s: operation %d", p.Payment, i)
			}
		case again[d] == 0 && op.Amount <= represented[d]:
			again[d] = op.Amount
			s.w.faults.add("charged back again", 1)
		default:
			s.w.failf("I18 it is charged back under a reference twice", "payment %s: operation %d", p.Payment, i)
		}
	}
}
