package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/money"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/reconcile"
)

// Reconciliation: the issuer is asked about each business date once that is sealed, and in the end its totals of every
// date are the switch's, whatever happened on the way. Then somebody else sells in the acquirer's name, a date is asked
// about anew, and its difference is found.
//
// Not where the issuer was made to forget, or to refuse reversals for good, or the journal was put back: then totals
// differ, and that is so. Nor with several hosts or nodes: here they are in front of one book, whose totals are of all
// of them.
//
// The topic is drawn last, so that plans without it are what they were.

func init() { addTopic(topic{name: "reconcile", since: 2, draw: drawReconcile}) }

const reconcilePercent = 60

func drawReconcile(t *rapid.T, p *Plan) section {
	if !percent(t, reconcilePercent) || p.Nodes > 1 || p.Hosts > 1 {
		return nil
	}
	for _, s := range p.Sections {
		switch s.(type) {
		case restoreSection, forgetSection:
			return nil
		}
	}
	return reconcileSection{}
}

type reconcileSection struct{}

// String implements section.
func (reconcileSection) String() string {
	return "the issuer is asked whether business dates are in balance"
}

func (reconcileSection) begin(w *world) any { return reconcilePart{w} }

type reconcilePart struct{ w *world }

// configure implements configures.
func (reconcilePart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	for i := range o.Config.Issuers {
		o.Config.Issuers[i].Reconcile = true
	}
}

// reconciledWithin is how long answers may take: a date is asked about again every hour at least.
const reconciledWithin = 3 * time.Hour

// after implements follows.
func (r reconcilePart) after() {
	var days []reconcile.Day
	open := r.await(func(now []reconcile.Day) string {
		days = now
		return unanswered(now)
	})
	if open != "" {
		r.w.failf("the issuer is not asked about a business date", "%s", open)
		return
	}
	var date string
	var last *reconcile.Result
	for _, d := range days {
		for i := range d.Hosts[0].Results {
			result := &d.Hosts[0].Results[i]
			if result.Status != reconcile.InBalance {
				r.w.failf("a business date is out of balance", "%s: %+v, theirs %+v", d.Date, result, result.Theirs)
				return
			}
			r.w.faults.add("totals of a business date in balance", 1)
			date, last = d.Date, result
		}
	}
	if _, other := sectionOf[*hostSection](r.w.plan); last != nil && !other { // which may want a sign-on, or take none
		r.differ(date, last)
	}
}

// await polls until why says nothing, or for as long as answers may take, and returns what it said last.
func (r reconcilePart) await(why func([]reconcile.Day) string) (last string) {
	for begin := time.Now(); time.Since(begin) < reconciledWithin; time.Sleep(10 * time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		days, err := r.w.nodes[0].api().Reconciliations(ctx, "")
		cancel()
		if err != nil {
			last = err.Error()
		} else if last = why(days); last == "" {
			return ""
		}
	}
	return last
}

// unanswered says which date has no answer yet.
func unanswered(days []reconcile.Day) string {
	if len(days) == 0 {
		return "no date is sealed"
	}
	for _, d := range days {
		if len(d.Hosts) != 1 || !d.Hosts[0].Ended {
			return fmt.Sprintf("%s: %+v", d.Date, d.Hosts)
		}
	}
	return ""
}

// differ gives the issuer a sale of a date that the switch knows nothing of, and wants the difference to be found.
func (r reconcilePart) differ(date string, of *reconcile.Result) {
	if err := r.sell(date, &of.Key); err != nil {
		r.w.failf("the issuer takes no sale of somebody else", "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.w.nodes[0].api().ReconcileAgain(ctx, date); err != nil {
		r.w.failf("a business date is not asked about again", "%s: %v", date, err)
		return
	}
	missed := r.await(func(days []reconcile.Day) string {
		for _, d := range days {
			for i := range d.Hosts[0].Results {
				if x := &d.Hosts[0].Results[i]; d.Date == date && x.Key == of.Key && x.Status == reconcile.OutOfBalance {
					return ""
				}
			}
		}
		return fmt.Sprintf("%s: %+v", date, days)
	})
	if missed != "" {
		r.w.failf("a business date that is out of balance is not found", "%s", missed)
	}
}

// sell sells in the name of an acquirer, on a connection of its own.
func (r reconcilePart) sell(date string, as *reconcile.Key) error {
	currency, ok := money.Lookup(as.Currency)
	if !ok {
		return fmt.Errorf("currency %q", as.Currency)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := r.w.net.dial(ctx, r.w.visitor, issuerAddr)
	if err != nil {
		return err
	}
	defer conn.Close()
	now := time.Now()
	day := strings.ReplaceAll(date, "-", "")[4:]
	if err := conn.SetDeadline(now.Add(time.Minute)); err != nil {
		return err
	}
	return r.exchange(conn, "0200", map[int]string{
		2: cards[0], 3: "000000", 4: "000000000777", 7: now.Format("0102150405"), 11: "999999", 12: now.Format("150405"),
		13: now.Format("0102"), 15: day, 18: "5999", 22: "010", 25: "00", 32: as.Acquirer, 37: "ELSEWHERE001", 41: "ELSE0001",
		42: "ELSEWHERE      ", 49: currency.Numeric,
	})
}

// exchange sends a message and wants it approved.
func (r reconcilePart) exchange(conn net.Conn, mti string, fields map[int]string) error {
	var m spec.Message
	m.SetMTI(mti)
	for de, value := range fields {
		m.Set(de, value)
	}
	if err := r.w.wire.theirs.Send(&m, time.Now()); err != nil {
		return err
	}
	frame, err := r.w.codec.PackFrame(nil, &m)
	if err != nil {
		return err
	}
	if _, err := conn.Write(frame); err != nil {
		return err
	}
	var head [spec.LengthHeader]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	if err := r.w.codec.Unpack(body, &m); err != nil {
		return err
	}
	if err := r.w.wire.theirs.Receive(&m); err != nil {
		return err
	}
	if code := m.String(39); code != "00" {
		return fmt.Errorf("DE39 of the answer to %s is %q", mti, code)
	}
	return nil
}
