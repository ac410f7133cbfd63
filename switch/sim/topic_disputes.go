package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/httpcall"
	txswitch "switchyard/switch"
	"switchyard/switch/incoming"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
)

// Somebody decides about what was charged back, between crashes and in the middle of one: it is presented a second
// time, all of it or a part, or accepted; by one person or by two; at once by several, again where the answer was lost,
// and again although it was answered. Second presentments stand in files that the clearing system takes or rejects, as
// the first ones do, and what is rejected is decided about once more. Nothing is presented a second time twice, and
// the issuer's money is what the decisions come to.
//
// Some of what was charged back is taken back: that is for a person, and moves nothing.

func init() { addTopic(topic{name: "disputes", since: 22, draw: drawDisputes}) }

const disputesPercent = 80

func drawDisputes(t *rapid.T, p *Plan) section {
	if _, rejects := sectionOf[rejectsSection](p); !rejects || !percent(t, disputesPercent) {
		return nil
	}
	p.Faults = append(p.Faults, Fault{Kind: Cutover, At: between(t, span/2, span)})
	return disputesSection{
		Accept: []int{25, 0, 60}[bits(t, 3)], Part: []int{0, 40}[bits(t, 2)], TwoPeople: percent(t, 35),
		Days: []int{0, 1, 0}[bits(t, 3)], TakesBack: percent(t, 30), Every: between(t, 100*time.Millisecond, 5*time.Second),
	}
}

// disputesSection says what is decided of a hundred disputes.
type disputesSection struct {
	Accept    int           // are accepted, the others are presented a second time
	Part      int           // of these a part of what was charged back
	TwoPeople bool          // are wanted for it, and to write off what was rejected
	Days      int           // until it is too late; 0: the default
	TakesBack bool          // the clearing system takes some chargebacks back
	Every     time.Duration // between two looks of whoever decides
}

// String implements section.
func (s disputesSection) String() string {
	return fmt.Sprintf("of chargebacks %d %% are accepted, of the others %d %% presented a second time in part, within "+
		"%d days (0: 45), by two people %t, looked at every %s; some are taken back %t",
		s.Accept, s.Part, s.Days, s.TwoPeople, s.Every, s.TakesBack)
}

func (s disputesSection) begin(w *world) any {
	return &disputesPart{disputesSection: s, w: w}
}

type disputesPart struct {
	disputesSection
	w      *world
	looked uint64 // how often somebody has
	back   takenBack
	asked  map[string]int // by message: what the clearing system was told to ask for
}

// configure implements configures.
func (s *disputesPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	o.Config.Clearing.Disputes.Days = s.Days
	if !s.TwoPeople {
		return
	}
	known, err := knownOperators()
	if err != nil {
		s.w.failf("operators", "%v", err)
	}
	o.Config.Operator.Identities = known
	o.Config.Operator.TwoPeople = []operator.Topic{operator.TopicDispute, operator.TopicWriteOff}
}

// disputesLast is for how long somebody looks once all faults have begun: what is presented a second time comes back.
const disputesLast = 10 * time.Second

// play implements plays. It goes on when the actors are done, and looks after what others look after until then.
func (s *disputesPart) play() {
	for time.Since(s.w.begin) < span+disputesLast {
		every := s.Every
		if s.w.awake.Load() <= 0 {
			every = max(every, 5*time.Second)
		}
		time.Sleep(every)
		select {
		case <-s.w.acted:
			for _, answers := range partsOf[*incomingPart](s.w) {
				answers.look()
			}
			for _, rejects := range partsOf[*rejectsPart](s.w) {
				rejects.look()
			}
		default:
		}
		_ = s.decide(false) // the switch may be down
	}
}

// conclude implements concludes. Two dates more are closed, and their files brought: of what the first presents the
// issuer charges some back, the second has what is presented a second time; each is decided about, over the crashes
// that are left.
func (s *disputesPart) conclude() {
	w, n := s.w, s.w.nodes[0]
	for round := range 2 {
		n.cutover(true)
		n.bring()
		if round == 0 {
			s.order()
		}
		for _, rejects := range partsOf[*rejectsPart](w) {
			rejects.conclude()
		}
		if err := w.overCrashes(func() error { return s.decide(true) }); err != nil {
			w.failf("a dispute cannot be decided about in quiet times", "%v", err)
			return
		}
	}
	s.ended()
}

// order has the issuer charge some presentments back that it has taken, and the clearing system ask for papers, and for
// a fee, about the first of them: these are for a person.
func (s *disputesPart) order() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var list []exported
	payments, err := s.w.nodes[0].api().OpenPayments(ctx)
	err = whole(payments, err, func(export []byte) (err error) {
		list, err = exportedIn(export)
		return err
	})
	if err != nil {
		s.w.failf("the books cannot be read", "%v", err)
	}
	for i := range list {
		for j := range list[i].Ops {
			op := &list[i].Ops[j]
			if op.ARN == "" || !s.w.chance.oneIn(2, "charged back by order", hashOf(op.ARN)) {
				continue
			}
			order := map[string]any{"arn": op.ARN, "reason": "4837"}
			if op.Amount > 1 && s.w.chance.below(100, "in part by order", hashOf(op.ARN)) < s.Part {
				order["amount"] = 1 + s.w.chance.below(int(op.Amount)-1, "of it by order", hashOf(op.ARN))
			}
			member := s.ordered(ctx, "chargebacks", order)
			if member == "" || s.asked != nil {
				continue
			}
			s.asked = map[string]int{}
			if s.ordered(ctx, "retrievals", map[string]any{"arn": op.ARN, "reason": "6341"}) != "" {
				s.asked["1644/603"]++
			}
			fee := map[string]any{"member": member, "amount": 250, "currency": "EUR", "reason": "7601"}
			if s.ordered(ctx, "fees", fee) != "" {
				s.asked["1740/700"]++
			}
		}
	}
}

// ordered gives an order to the clearing system and returns the member that will be told; "" if it is refused: nothing
// of that reference stands, it credits, or was charged back before.
func (s *disputesPart) ordered(ctx context.Context, what string, order map[string]any) (member string) {
	text, err := json.Marshal(order)
	if err == nil {
		err = s.w.control(ctx, "POST", "/v1/clearing/"+what, text, func(answer []byte) error {
			var ordered struct{ Member string }
			err := json.Unmarshal(answer, &ordered)
			member = ordered.Member
			return err
		})
	}
	switch status := httpcall.Status(err); {
	case err == nil:
		s.w.faults.add("ordered of the clearing system: "+what, 1)
	case status != http.StatusNotFound && status != http.StatusConflict:
		s.w.failf("an order of the clearing system fails", "%s %s: %v", what, text, err)
	}
	return member
}

// expects tells whether an exception is of what was taken back or asked for.
func (s *disputesPart) expects(e *incoming.Exception) bool {
	return s.back.expects(e) || s.asked[e.Message] > 0 && e.Excess == 0
}

// missing tells what was taken back or asked for without an exception, or with several. exceptions counts them, by the
// ids of files and by messages.
func (s *disputesPart) missing(exceptions map[string]int) (why string) {
	for message, asked := range s.asked {
		if exceptions[message] != asked {
			why += fmt.Sprintf(" %s: %d exceptions of %d;", message, exceptions[message], asked)
		}
	}
	return why + s.back.missing(exceptions)
}

// decide decides about disputes: about all of them, or now and then.
func (s *disputesPart) decide(all bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var list []incoming.Dispute
	err := s.w.nodes[0].api().EachDispute(ctx, incoming.AllDisputes, "", func(d *incoming.Dispute) error {
		list = append(list, *d)
		return nil
	})
	if err != nil {
		return err
	}
	s.looked++
	for i := range list {
		d := &list[i]
		about := hashOf(d.ID)
		if !all && s.w.chance.oneIn(3, "disputed later", about+s.looked) {
			continue
		}
		over := func() {}
		if s.w.chance.oneIn(2, "crash", about) {
			for _, rejects := range partsOf[*rejectsPart](s.w) {
				over = rejects.strike(1 + s.w.chance.below(3, "sync of a decision", about+s.looked))
			}
		}
		err := s.decideOne(ctx, d, all)
		if over(); err != nil {
			return err
		}
	}
	return nil
}

// decideOne decides about one. What is presented a second time already is asked for once more, now and then.
func (s *disputesPart) decideOne(ctx context.Context, d *incoming.Dispute, all bool) error {
	about := hashOf(d.ID)
	accepts := s.w.chance.below(100, "accepted", about) < s.Accept
	switch d.State {
	case payment.DisputeRepresented.String():
		if all || s.w.chance.oneIn(3, "asked once more", about+s.looked) {
			return s.represent(ctx, d, all)
		}
	case payment.DisputeOpen.String():
		if !accepts {
			return s.represent(ctx, d, all)
		}
		return s.accept(ctx, d, all)
	case payment.DisputeLost.String():
		return s.accept(ctx, d, all)
	}
	return nil
}

// secondReason is DE25 of second presentments.
const secondReason = "2700"

// represent presents a second time what was charged back: once, whoever asks.
func (s *disputesPart) represent(ctx context.Context, d *incoming.Dispute, all bool) error {
	n, about := s.w.nodes[0], hashOf(d.ID)
	var amount int64
	if s.w.chance.below(100, "in part", about) < s.Part {
		amount = 1 + int64(s.w.chance.below(int(d.Amount), "of it", about))
	}
	ask := func(api *client.Client) error {
		_, err := api.Represent(ctx, d.ID, secondReason, amount, "the disputes desk")
		return err
	}
	var atOnce chan error
	if !s.TwoPeople && s.w.chance.oneIn(3, "at once", about) {
		atOnce = make(chan error, 1)
		go func() { atOnce <- ask(n.api()) }()
	}
	err := n.decides(ask)
	if atOnce != nil {
		if other := <-atOnce; err == nil && other == nil {
			s.w.failf("I8 one dispute is represented by two calls", "%s", d.ID)
		} else if other == nil {
			s.w.faults.add("dispute represented", 1)
		}
	}
	switch why, refused := client.Refused(err); {
	case err == nil && all && d.State == payment.DisputeRepresented.String():
		s.w.failf("I8 what is presented a second time is so once more", "%+v", *d)
	case err == nil:
		s.w.faults.add("dispute represented", 1)
	case refused && strings.Contains(why, "is presented a second time already"):
		s.w.faults.add("dispute represented already", 1)
		return nil
	case refused && strings.Contains(why, "the last day for a second presentment"):
		if open, up := n.stats(); up && open.OpenDay <= d.Due {
			s.w.failf("a dispute is too late in time", "%s is due on %s, open is %s", d.ID, d.Due, open.OpenDay)
		}
		return s.accept(ctx, d, all)
	case refused && !waitsForAnother(err):
		s.w.failf("a dispute is not represented", "%+v: %s", *d, why)
		return nil
	}
	return err
}

// accept ends a dispute.
func (s *disputesPart) accept(ctx context.Context, d *incoming.Dispute, all bool) error {
	err := s.w.nodes[0].decides(func(api *client.Client) error {
		_, err := api.AcceptDispute(ctx, d.ID, "the disputes desk")
		return err
	})
	switch why, refused := client.Refused(err); {
	case err == nil:
		s.w.faults.add("dispute accepted", 1)
	case refused && !all && strings.Contains(why, "the dispute is "): // decided since it was listed
		return nil
	case refused && !waitsForAnother(err):
		s.w.failf("a dispute is not accepted", "%+v: %s", *d, why)
		return nil
	}
	return err
}

// ended wants that each dispute has come to its end: presented a second time, once and in time, or accepted; and by two
// people where they are wanted.
func (s *disputesPart) ended() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	carries := s.w.plan.carries()
	err := s.w.nodes[0].api().EachDispute(ctx, incoming.AllDisputes, "", func(d *incoming.Dispute) error {
		stands, total := 0, int64(0)
		for _, step := range d.Steps {
			decided := step.Op == "represent" || step.Op == "accept_dispute"
			if decided && strings.Contains(step.By, " and ") != s.TwoPeople {
				s.w.failf("a dispute is not decided by those who are to", "%s: %+v, two people %t", d.ID, step, s.TwoPeople)
			}
			if step.Op != "represent" || step.State == payment.PresentmentRejected.String() {
				continue
			}
			stands++
			total += step.Amount
			if step.Date > d.Due && !carries {
				s.w.failf("a second presentment is too late", "%+v", *d)
			}
		}
		accepted, again := d.State == payment.DisputeAccepted.String(), chargedBackAgain(d)
		if stands > 1 || total > d.Amount || accepted == (stands == 1 && !again) {
			s.w.failf("I8 a dispute has not ended once", "%+v", *d)
		}
		return nil
	})
	if err != nil {
		s.w.failf("the disputes cannot be read", "%v", err)
	}
}

// chargedBackAgain tells whether what was presented a second time is charged back again.
func chargedBackAgain(d *incoming.Dispute) bool {
	return slices.ContainsFunc(d.Steps[1:], func(step incoming.DisputeStep) bool { return step.Op == "chargeback" })
}

// check implements checks: what is presented a second time has the reference of the first, was charged back, and stands
// once at a time.
func (s *disputesPart) check(all []*books) {
	for _, b := range all {
		for i := range b.list {
			p := &b.list[i]
			stands := map[answered]int{} // the second presentments
			for j := range p.Ops {
				switch op := &p.Ops[j]; {
				case op.Op == "reject" && p.Ops[op.Target].Op == "represent":
					delete(stands, p.answers(op.Target))
				case op.Op == "represent":
					chargeback, answers := &p.Ops[op.Target], p.answers(j)
					of := chargeback.Target
					if second, twice := stands[answers]; twice {
						s.w.failf("I8 a presentment is presented a second time twice", "payment %s: operation %d by %d and %d",
							p.Payment, of, second, j)
					}
					if op.ARN != p.Ops[of].ARN || op.Amount > chargeback.Granted || chargeback.Op != "chargeback" {
						s.w.failf("I8 a second presentment is of something else", "payment %s: operation %d is %+v, of %+v", p.Payment, j,
							*op, *chargeback)
					}
					stands[answers] = j
				}
			}
		}
	}
}

// answered is what a second presentment answers, once: what was charged back of a presentment under a reference.
type answered struct {
	presentment int
	reference   string
}

// answers is what operation i, a second presentment, answers.
func (p *exported) answers(i int) answered {
	chargeback := &p.Ops[p.Ops[i].Target]
	return answered{chargeback.Target, chargeback.IssuerReference}
}

// takeBack is what of the clearing system's files is taken back, in further files of its.
func (s *disputesPart) takeBack(names []string, texts map[string][]byte) *takenBack {
	for _, name := range names {
		if !s.TakesBack || s.w.chance.oneIn(2, "stays charged back", hashOf(name)) {
			continue
		}
		if err := s.back.of(name, texts[name]); err != nil {
			s.w.failf("a chargeback cannot be taken back", "%s: %v", name, err)
		}
	}
	return &s.back
}

// representedIn tells, by acquirer reference, which amounts are presented a second time, rejected ones too.
func representedIn(all ...*books) map[string][]int64 {
	amounts := map[string][]int64{}
	for _, b := range all {
		for i := range b.list {
			for _, op := range b.list[i].Ops {
				if op.Op == "represent" {
					amounts[op.ARN] = append(amounts[op.ARN], op.Amount)
				}
			}
		}
	}
	return amounts
}

func hashOf(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return h.Sum64()
}
