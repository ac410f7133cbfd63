package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"switchyard/internal/money"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
)

// The told book is a truth outside the books: what gateways were told, and nothing else. In the end each key is
// asked for once more, so that every operation that took effect was told to somebody. From these answers alone, by
// rules of its own, it says what was authorized, captured, refunded and credited; then the switch's journal, the
// issuer's authorizations, its cards and its ledger, and the clearing files are held against that. It uses nothing of
// the auditor's, the flows' or the journal's.

// toldBook is what all gateways were told, by payment.
type toldBook struct {
	w        *world
	payments map[string]*toldPayment
	order    []string
	decided  map[string]bool // payments of which a person has decided something: the issuer's money may differ
}

// toldPayment is a payment as its gateways know it.
type toldPayment struct {
	id, currency, card string
	node               *switchNode
	root               *told
	ops                []*told
	last               *api.Answer // the newest answer with the payment's sums
	story              *api.Answer // the newest one with its history
	automatic          int64       // what of it stands captured although nobody asked for it then: see unasked
	refused            bool        // its first request was not approved
}

// told is one operation as its first answer told it.
type told struct {
	req *wish
	ans *api.Answer
}

// moneyOf are sums in minor units.
type moneyOf struct{ authorized, captured, refunded, credited int64 }

// tellAll makes the told book of the history.
func (w *world) tellAll() *toldBook {
	t := &toldBook{w: w, payments: map[string]*toldPayment{}}
	for _, k := range w.history.order {
		for _, c := range k.calls {
			if c.answer == nil || c.answer.Err != nil || c.answer.Payment == "" || nothingToUndo(c) {
				continue
			}
			t.add(k.node, &c.req, c.answer)
			break
		}
	}
	for _, c := range w.history.calls {
		if c.answer == nil || c.answer.Err != nil || c.answer.Payment == "" {
			continue
		}
		if p := t.payments[c.answer.Payment]; p != nil {
			p.last = c.answer
			if c.answer.History != nil {
				p.story = c.answer
			}
		}
	}
	return t
}

func (t *toldBook) add(n *switchNode, req *wish, ans *api.Answer) {
	p := t.payments[ans.Payment]
	if p == nil {
		p = &toldPayment{id: ans.Payment, node: n, currency: ans.Currency}
		t.payments[p.id] = p
		t.order = append(t.order, p.id)
	}
	one := &told{req, ans}
	p.ops = append(p.ops, one)
	if req.Payment == "" && req.OfKey == "" {
		if p.root != nil {
			t.w.failf("told: two requests made one payment", "%s%s: %s and %s", p.id, n.suffix(), p.root.req.Key, req.Key)
		}
		p.root, p.card, p.refused = one, req.Card.Number, !ans.Approved
	}
}

// sums are what the approvals come to that were told, and what the switch captured by itself.
func (p *toldPayment) sums() (m moneyOf) {
	m.captured = p.automatic
	whole := p.root.req.Op != api.OpAuthorize // a sale or a voice capture: undone as a whole
	for _, o := range p.ops {
		if !o.ans.Approved {
			continue
		}
		amount := o.ans.Amount
		switch op := o.req.Op; {
		case o == p.root && op == api.OpVerify:
		case o == p.root && op == api.OpCredit:
			m.credited += amount
		case o == p.root && op == api.OpAuthorize, op == api.OpIncrement:
			m.authorized += amount
		case o == p.root: // a sale or a voice capture
			m.authorized += amount
			m.captured += amount
		case op == api.OpCapture:
			m.captured += amount
		case p.tookBack(o), op == api.OpReverse && whole:
			m.captured -= amount
		case op == api.OpRefund:
			m.refunded += amount
		}
	}
	return m
}

// cleared are the told amounts that stand in files in the end, signed, by RRN; refunds have their own.
func (p *toldPayment) cleared(into map[string][]int64) {
	whole := p.root.req.Op != api.OpAuthorize
	take := func(rrn string, amount int64) {
		if at := slices.Index(into[rrn], -amount); at >= 0 {
			into[rrn] = slices.Delete(into[rrn], at, at+1)
			return
		}
		into[rrn] = append(into[rrn], amount)
	}
	if p.automatic > 0 {
		take(p.root.ans.RRN, p.automatic)
	}
	for _, o := range p.ops {
		if !o.ans.Approved {
			continue
		}
		switch op := o.req.Op; {
		case op == api.OpCapture, op == api.OpSale:
			take(o.ans.RRN, o.ans.Amount)
		case p.tookBack(o), op == api.OpReverse && whole:
			take(p.root.ans.RRN, -o.ans.Amount)
		case op == api.OpRefund, op == api.OpCredit:
			take(o.ans.RRN, -o.ans.Amount)
		}
	}
}

// holdTold holds every book against what was told.
func (w *world) holdTold(ctx context.Context, all []*books) {
	t := w.tellAll()
	t.decided = w.decided(all)
	for _, id := range t.order {
		p := t.payments[id]
		if p.root == nil {
			w.failf("told: a payment that nobody asked for", "%s", p.id)
			return
		}
		w.unasked(p, all)
		if !t.decided[id] {
			w.windowed(p)
		}
		is := p.sums()
		if a := p.last; a.Authorized != is.authorized || a.Captured != is.captured || a.Refunded != is.refunded {
			w.failf("told: the sums are not those of the approvals", "%s: %s; approvals come to %+v%s", p.id, answerText(a),
				is, p.text())
		}
	}
	t.inJournals(all)
	t.atIssuer(all[0])
	t.onCards(ctx, cameBackIn(all), expiredIn(all))
	t.inFiles(presentedAgain(all...), representedIn(all...))
}

// decided are the payments whose end a topic excuses.
func (w *world) decided(all []*books) map[string]bool {
	found := map[string]bool{}
	for _, b := range all {
		for i := range b.list {
			p := &b.list[i]
			for j := range p.Ops {
				if w.excused(b, p, j) {
					found[p.Payment] = true
				}
			}
		}
	}
	return found
}

func (p *toldPayment) text() (text string) {
	for _, o := range p.ops {
		text += "\n    " + requestText(&o.req.Request) + ": " + answerText(o.ans)
	}
	return text
}

// inJournals wants of each approval that the journal has it, and has not undone it by itself.
func (t *toldBook) inJournals(all []*books) {
	in := map[string]*exported{}
	for _, b := range all {
		maps.Copy(in, b.byID)
	}
	for _, id := range t.order {
		p, j := t.payments[id], in[id]
		if j == nil {
			t.w.failf("told: a payment is in no journal", "%s%s", id, p.text())
			continue
		}
		for i := range j.Ops {
			if op := &j.Ops[i]; op.Op == "timeout_reversal" && op.Target >= 0 && j.Ops[op.Target].Key != "" {
				for _, o := range p.ops {
					if o.req.Key == j.Ops[op.Target].Key && o.ans.Approved {
						t.w.failf("told: an approval was undone that nobody asked to undo", "%s: %s", id, answerText(o.ans))
					}
				}
			}
		}
	}
	for id := range in {
		if t.payments[id] == nil {
			t.w.failf("told: a payment that nobody was told of", "%s", id)
		}
	}
}

// issuerLine is what the told book reads of a line of the issuer's.
type issuerLine struct {
	RRN      string
	FirstRRN string `json:"first_rrn"`
	Reversed bool
	Postings []struct {
		Amount int64
		Credit bool
		State  string
	}
}

// atIssuer wants each told amount among the issuer's postings, by RRN, and no other.
func (t *toldBook) atIssuer(b *books) {
	stand := map[string][]int64{}
	lines := map[string]*issuerLine{}
	for dec := json.NewDecoder(bytes.NewReader(b.authorizations)); ; {
		l := new(issuerLine)
		if err := dec.Decode(l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.w.failf("told: the issuer's book cannot be read", "%v", err)
			return
		}
		lines[l.RRN] = l
		for _, p := range l.Postings {
			switch {
			case p.State == "reversed":
			case p.Credit:
				stand[l.RRN] = append(stand[l.RRN], -p.Amount)
			default:
				stand[l.RRN] = append(stand[l.RRN], p.Amount)
			}
		}
	}
	due := map[string][]int64{}
	for _, id := range t.order {
		p := t.payments[id]
		p.cleared(due)
		if p.root.ans.Approved && p.root.req.Op == api.OpAuthorize && lines[p.root.ans.RRN] == nil {
			t.w.failf("told: the issuer knows nothing of an approval", "%s%s", id, p.text())
		}
	}
	for _, id := range t.order {
		for _, o := range t.payments[id].ops {
			if t.decided[id] {
				delete(stand, o.ans.RRN)
				delete(due, o.ans.RRN)
			}
		}
	}
	t.compare("told: the issuer's postings differ", stand, due)
}

// compare holds amounts by RRN against those that were told.
func (t *toldBook) compare(kind string, is, due map[string][]int64) {
	for _, rrn := range slices.Sorted(maps.Keys(due)) {
		if is[rrn] == nil {
			is[rrn] = []int64{}
		}
	}
	for _, rrn := range slices.Sorted(maps.Keys(is)) {
		a, b := slices.Sorted(slices.Values(is[rrn])), slices.Sorted(slices.Values(due[rrn]))
		if !slices.Equal(a, b) {
			t.w.failf(kind, "%s: there stands %v, told was %v%s", rrn, a, b, t.of(rrn))
		}
	}
}

func (t *toldBook) of(rrn string) string {
	for _, id := range t.order {
		for _, o := range t.payments[id].ops {
			if o.ans.RRN == rrn {
				return t.payments[id].text()
			}
		}
	}
	return ""
}

// openingUnits is what a card has in each currency to begin with.
const openingUnits = 1_000_000

// expiredIn are the payments whose capture window has ended, maybe since somebody was told of them: time goes on until
// the last date is closed. That it had ended the audit sees.
func expiredIn(all []*books) map[string]bool {
	expired := map[string]bool{}
	for _, b := range all {
		for i := range b.list {
			p := &b.list[i]
			for j := range p.Ops {
				expired[p.Payment] = expired[p.Payment] || p.Ops[j].Op == "expire"
			}
		}
	}
	return expired
}

// onCards wants the balance of each card to be what it began with less what was told to be captured and not refunded or
// charged back, and more what was told to be credited, its holds what was told to be left to capture, and the issuer's
// ledger to have settled as much in total, but for what was rejected and given up.
func (t *toldBook) onCards(ctx context.Context, back map[string]cameBack, expired map[string]bool) {
	type account struct{ card, currency string }
	taken, held := map[account]int64{}, map[account]int64{}
	settled, unsettled := map[string]int64{}, map[string]int64{}
	apart := map[account]bool{}
	for _, id := range t.order {
		p := t.payments[id]
		m, key := p.sums(), account{p.card, p.currency}
		if t.decided[id] {
			apart[key], apart[account{"", p.currency}] = true, true
		}
		stays := m.captured - m.refunded - m.credited - back[id].chargedBack
		taken[key] += stays
		settled[p.currency] += stays - back[id].writtenOff
		unsettled[p.currency] += back[id].writtenOff
		if p.root.req.Op == api.OpAuthorize && !p.refused && !expired[id] {
			held[key] += p.last.Capturable
		}
	}
	for _, number := range cards {
		var v struct {
			Accounts []struct {
				Currency      string
				Balance, Held int64
			}
		}
		err := t.w.control(ctx, "GET", "/v1/accounts/"+number, nil,
			func(b []byte) error { return json.Unmarshal(b, &v) })
		if err != nil {
			t.w.failf("told: a card cannot be read", "%v", err)
			return
		}
		seen := map[string]bool{}
		for _, a := range v.Accounts {
			key := account{number, a.Currency}
			seen[a.Currency] = true
			if apart[key] {
				continue
			}
			if want := opening(a.Currency) - taken[key]; a.Balance != want {
				t.w.failf("told: a cardholder's balance differs", "card %s…, %s: %d, want %d", number[:6], a.Currency, a.Balance,
					want)
			}
			if a.Held != held[key] {
				t.w.failf("told: a cardholder's holds differ", "card %s…, %s: %d, want %d", number[:6], a.Currency, a.Held,
					held[key])
			}
		}
		for key, amount := range taken {
			if key.card == number && amount != 0 && !seen[key.currency] {
				t.w.failf("told: a cardholder's balance differs", "card %s…, %s: was never used, want %d taken", number[:6],
					key.currency, amount)
			}
		}
	}
	var ledger struct {
		Currencies map[string]struct{ Settled, Unsettled int64 }
	}
	err := t.w.control(ctx, "GET", "/v1/ledger", nil, func(b []byte) error { return json.Unmarshal(b, &ledger) })
	if err != nil {
		t.w.failf("told: the ledger cannot be read", "%v", err)
		return
	}
	for currency, l := range ledger.Currencies {
		if apart[account{"", currency}] {
			continue
		}
		if l.Unsettled != unsettled[currency] || l.Settled != settled[currency] {
			t.w.failf("told: the issuer settles another total", "%s: %d settled, %d unsettled, want %d and %d", currency,
				l.Settled, l.Unsettled, settled[currency], unsettled[currency])
		}
	}
}

func opening(currency string) int64 {
	c, _ := money.Lookup(currency)
	minor := int64(openingUnits)
	for range c.Exponent {
		minor *= 10
	}
	return minor
}

// inFiles wants each told amount in the clearing files of all nodes, by RRN: once, or once and taken back; what was
// rejected stands there again, and what was charged back as somebody decided, by acquirer reference.
func (t *toldBook) inFiles(again map[string]int, represented map[string][]int64) {
	stand, due := map[string][]int64{}, map[string][]int64{}
	seconds := map[string][]int64{}
	var back []func()
	seen := map[string]bool{}
	for _, n := range t.w.nodes {
		err := n.walk(func(path string, text []byte) error {
			if !strings.HasSuffix(path, ".ipm") {
				return nil
			}
			return presentmentsOf(text, func(rrn, arn string, amount int64, reversal, second bool) {
				if second {
					seconds[arn] = append(seconds[arn], amount)
					return
				}
				if !reversal && seen[arn] && again[arn] > 0 {
					again[arn]--
					return
				}
				if seen[arn] = true; !reversal {
					stand[rrn] = append(stand[rrn], amount)
					return
				}
				back = append(back, func() { // once all that they take back is there
					at := slices.Index(stand[rrn], amount)
					if at < 0 {
						t.w.failf("told: a file takes back what stands in none", "%s: RRN %s, %d", path, rrn, amount)
						return
					}
					stand[rrn] = slices.Delete(stand[rrn], at, at+1)
				})
			})
		})
		if err != nil {
			t.w.failf("told: the clearing files cannot be read", "%v", err)
			return
		}
	}
	for _, undo := range back {
		undo()
	}
	for _, id := range t.order {
		t.payments[id].cleared(due)
	}
	t.compare("told: the clearing files differ", stand, due)
	t.compare("told: the second presentments differ", seconds, represented)
}

// presentmentsOf gives the presentments of a file: RRN, acquirer reference, and the amount, below zero for a refund.
func presentmentsOf(file []byte, take func(rrn, arn string, amount int64, reversal, second bool)) error {
	in, err := clearing.NewReader(bytes.NewReader(file))
	if err != nil {
		return err
	}
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.MTI != "1240" {
			continue
		}
		amount, ok := r.AmountMinor()
		if !ok {
			return fmt.Errorf("record %d: no amount", r.Number)
		}
		if code := string(r.Get(3)); strings.HasPrefix(code, "20") {
			amount = -amount
		}
		second := r.FunctionCode() == secondFull || r.FunctionCode() == secondPart
		take(strings.TrimSpace(r.Text(37)), r.Text(31), amount, r.Reversal(), second)
	}
}

// DE24 of second presentments.
const (
	secondFull = "205"
	secondPart = "282"
)
