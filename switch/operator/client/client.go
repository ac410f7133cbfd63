// Package client speaks the operator API of a switch: what switchctl, switchd, the tests and the simulation ask it by.
//
// A call that the switch answers with anything but a success is an error that has the switch's words. [Refused] and
// [NotFound] tell those apart that say something about what was asked for; all else failed. Each call lasts as long as
// its context at most.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"switchyard/internal/httpcall"
	"switchyard/switch/casebook"
	"switchyard/switch/cutover"
	"switchyard/switch/incoming"
	"switchyard/switch/matching"
	"switchyard/switch/operator"
	"switchyard/switch/reconcile"
)

// Client asks one switch. Safe for concurrent use.
type Client struct {
	port  httpcall.Port
	clear bool // what is sent may be read on its way
}

// Options say how to ask a switch that is not asked by just anybody on its machine.
type Options struct {
	// Token shows who asks, where the switch has identities. It is never sent in clear but to loopback or a socket file.
	Token string
	// TLS is spoken where it is not nil.
	TLS *tls.Config
}

// New makes a client of the operator API at addr, host:port, on loopback. It connects with the first call.
func New(addr string) *Client { return Over(addr, nil) }

// Over makes a client whose calls go over h.
func Over(addr string, h *http.Client) *Client {
	return &Client{port: httpcall.Port{Addr: addr, Client: h, Is: operatorAPI}}
}

// operatorAPI is what is expected at the address.
const operatorAPI = "the operator API of switchd"

// With makes a client of the operator API at addr: host:port, or unix:PATH for a socket file. It connects with the
// first call.
func With(addr string, o Options) (*Client, error) {
	c := &Client{port: httpcall.Port{Addr: addr, Token: o.Token, Secure: o.TLS != nil, Is: operatorAPI}}
	path, socket := strings.CutPrefix(addr, httpcall.Socket)
	switch {
	case socket && path == "":
		return nil, errors.New("unix: without a path: expected unix:PATH of the switch's socket file")
	case socket && o.TLS != nil:
		return nil, fmt.Errorf("%s: TLS is not spoken on a socket file", addr)
	case socket:
		c.port.Client = &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		}}
	case o.TLS != nil:
		c.port.Client = &http.Client{Transport: &http.Transport{TLSClientConfig: o.TLS, Proxy: http.ProxyFromEnvironment}}
	case loopback(addr):
	case o.Token != "":
		return nil, fmt.Errorf("%s is not loopback: the token would be sent in clear; expected TLS", addr)
	default:
		c.clear = true
	}
	return c, nil
}

// loopback tells whether an address leads nowhere but to this machine.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Refused tells whether the switch refused a decision for how things stand (409), with nothing done, and why.
func Refused(err error) (why string, ok bool) {
	var status *httpcall.StatusError
	if errors.As(err, &status) && status.Status == http.StatusConflict {
		return status.Said, true
	}
	return "", false
}

// Unfit tells whether what was sent cannot be taken (422), with nothing done, and why.
func Unfit(err error) (why string, ok bool) {
	var status *httpcall.StatusError
	if errors.As(err, &status) && status.Status == http.StatusUnprocessableEntity {
		return status.Said, true
	}
	return "", false
}

// NotFound tells whether the switch has not what was asked for. Another server that does not know the path is not
// meant.
func NotFound(err error) bool {
	var status *httpcall.StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound && !status.NoPath
}

// object asks for an object that a switch's answer has whole where has is true of it.
func object[T any](
	ctx context.Context, c *Client, method, path string, query url.Values, has func(*T) bool,
) (*T, error) {
	into := new(T)
	if err := c.port.JSON(ctx, method, path, query, into); err != nil {
		return nil, err
	}
	if !has(into) {
		return nil, c.noSwitch(method, path)
	}
	return into, nil
}

// decided is object of a call that another identity may have to make, too (ProposedError).
func decided[T any](
	ctx context.Context, c *Client, method, path string, query url.Values, has func(*T) bool,
) (*T, error) {
	var text json.RawMessage
	if err := c.port.JSON(ctx, method, path, query, &text); err != nil {
		return nil, err
	}
	var proposed operator.Proposed
	if json.Unmarshal(text, &proposed) == nil && proposed.Proposal != nil {
		return nil, &ProposedError{proposed.Proposal}
	}
	into := new(T)
	if json.Unmarshal(text, into) != nil || !has(into) {
		return nil, c.noSwitch(method, path)
	}
	return into, nil
}

func (c *Client) noSwitch(method, path string) error {
	return fmt.Errorf("%s does not answer %s %s as a switch's operator API does: is it the right port?", c.port.Addr,
		method, path)
}

// Unready tells why the switch does not serve everything yet; "" once it does.
func (c *Client) Unready(ctx context.Context) (why string, err error) {
	_, err = c.port.Read(ctx, http.MethodGet, "/readyz", nil, nil)
	var status *httpcall.StatusError
	if errors.As(err, &status) {
		return fmt.Sprintf("%d %s", status.Status, status.Said), nil
	}
	return "", err
}

// Stats tells where the switch stands.
func (c *Client) Stats(ctx context.Context) (*operator.Stats, error) {
	return object(ctx, c, http.MethodGet, "/v1/stats", nil, func(s *operator.Stats) bool { return s.ClearingDir != "" })
}

// Metrics are the switch's, by their names.
func (c *Client) Metrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	const path = "/metrics"
	text, err := c.port.Read(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	metrics, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	return metrics, nil
}

// Now is the switch's own clock. One that does not tell it has no ages to measure: it is the zero time.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	stats, err := c.Stats(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return stats.Now, nil
}

// Clock tells how the clock stands.
func (c *Client) Clock(ctx context.Context) (*operator.ClockStatus, error) {
	return object(ctx, c, http.MethodGet, "/v1/clock", nil, tellsClock)
}

// ConfirmClock says that what the clock shows is right.
func (c *Client) ConfirmClock(ctx context.Context) (*operator.ClockStatus, error) {
	return object(ctx, c, http.MethodPost, "/v1/clock/confirm", nil, tellsClock)
}

func tellsClock(s *operator.ClockStatus) bool { return !s.Now.IsZero() }

// Explain tells a payment's story, by its id or that of its capture or refund, or by the RRN of any of its requests.
func (c *Client) Explain(ctx context.Context, of string) (*operator.Story, error) {
	return object(ctx, c, http.MethodGet, "/v1/explain", url.Values{"of": {of}},
		func(s *operator.Story) bool { return s.Payment != "" })
}

// EachFound calls take with each payment that a search fits, in the order of their ids: behind s.After, a call for each
// s.Limit of them or stretch that the switch looks at. An error of take ends it. A whole card number is sent over TLS,
// loopback or a socket file only.
func (c *Client) EachFound(ctx context.Context, s operator.Search, take func(*operator.Found) error) error {
	const path = "/v1/payments/search"
	if c.clear && wholeCard(s.Of) {
		return fmt.Errorf("%s is not loopback: the card number would be sent in clear; expected TLS, or a masked number",
			c.port.Addr)
	}
	for {
		var page operator.Page
		if err := c.port.Form(ctx, path, s.Parameters(), &page); err != nil {
			return err
		}
		if page.Payments == nil {
			return c.noSwitch(http.MethodPost, path)
		}
		for i := range page.Payments {
			if err := take(&page.Payments[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		s.After = page.Next
	}
}

// wholeCard tells whether a name may be a whole card number, also one that is grouped or mistyped.
func wholeCard(name string) bool {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(name)
	return len(digits) >= 13 && len(digits) <= 19 && strings.Trim(digits, "0123456789") == ""
}

// Payment is one payment, as the audit reads it.
func (c *Client) Payment(ctx context.Context, id string) (*operator.PaymentExport, error) {
	return object(ctx, c, http.MethodGet, "/v1/payments", url.Values{"payment": {id}},
		func(p *operator.PaymentExport) bool { return p.Payment != "" })
}

// EachPayment calls take with every payment, as they stood at one moment. An error of take ends it.
func (c *Client) EachPayment(ctx context.Context, take func(*operator.PaymentExport) error) error {
	return httpcall.Lines(ctx, c.port, "/v1/payments", nil, take)
}

// OpenPayments is the same as a book, which the audit reads.
func (c *Client) OpenPayments(ctx context.Context) (io.ReadCloser, error) {
	return c.OpenDated(ctx, "", "")
}

// OpenDated is the book of the payments that clear on the business dates from first to last, YYYY-MM-DD; of all of them
// where both are "".
func (c *Client) OpenDated(ctx context.Context, first, last string) (io.ReadCloser, error) {
	query := url.Values{}
	if first != "" || last != "" {
		query = url.Values{"from": {first}, "to": {last}}
	}
	return c.port.Open(ctx, http.MethodGet, "/v1/payments", query, nil)
}

// OpenRange is the book of the payments from one to another, both included.
func (c *Client) OpenRange(ctx context.Context, first, last string) (io.ReadCloser, error) {
	return c.port.Open(ctx, http.MethodGet, "/v1/payments", url.Values{"first": {first}, "last": {last}}, nil)
}

// Days lists the business dates in their order.
func (c *Client) Days(ctx context.Context) (days []operator.DayExport, err error) {
	err = c.port.JSON(ctx, http.MethodGet, "/v1/days", nil, &days)
	return days, err
}

// OpenDays is the same as a book, which the audit reads.
func (c *Client) OpenDays(ctx context.Context) (io.ReadCloser, error) {
	return c.port.Open(ctx, http.MethodGet, "/v1/days", nil, nil)
}

// Cutover says how a business date is closed.
type Cutover struct {
	Wait  time.Duration // for the files; 0: a minute
	Ahead bool          // the date after the calendar's, too
	To    string        // the date that is opened, YYYY-MM-DD; "": the next one
	// Window is the destination of which a window ends; the date stays open then.
	Window string
}

// Cutover closes the open business date, or ends a window on it, and returns once the files are written. Refused says
// that nothing of that was done.
func (c *Client) Cutover(ctx context.Context, how Cutover) (*cutover.Result, error) {
	query := url.Values{}
	if how.Wait != 0 {
		query.Set("wait", how.Wait.String())
	}
	if how.Ahead {
		query.Set("ahead", "true")
	}
	if how.To != "" {
		query.Set("to", how.To)
	}
	if how.Window != "" {
		query.Set("window", how.Window)
	}
	return object(ctx, c, http.MethodPost, "/v1/cutover", query,
		func(r *cutover.Result) bool { return r.BusinessDate != "" })
}

// Release lets the clearing files of a business date, YYYY-MM-DD, or of one of its windows, out, which wait for it.
// NotFound says that there is no such date, Refused that the files do not wait.
func (c *Client) Release(ctx context.Context, date string, of cutover.WindowName) (*cutover.Result, error) {
	query := url.Values{"date": {date}}
	if of != (cutover.WindowName{}) {
		query.Set("destination", of.Destination)
		query.Set("window", strconv.Itoa(of.Window))
	}
	return decided(ctx, c, http.MethodPost, "/v1/clearing/release", query,
		func(r *cutover.Result) bool { return r.BusinessDate != "" })
}

// Refuse keeps the clearing files of a business date, YYYY-MM-DD, which wait for their release, from ever being made.
// NotFound says that there is no such date, Refused why it cannot be.
func (c *Client) Refuse(ctx context.Context, date, reason string) (*cutover.Result, error) {
	return decided(ctx, c, http.MethodPost, "/v1/clearing/refuse", url.Values{"date": {date}, "reason": {reason}},
		func(r *cutover.Result) bool { return r.Refused != nil })
}

// CheckClearing makes the clearing files of a business date, YYYY-MM-DD, once more and tells where the delivered ones
// differ. NotFound says that there is no such date, Refused that it has no files yet.
func (c *Client) CheckClearing(ctx context.Context, date string) (*cutover.Rebuilt, error) {
	return object(ctx, c, http.MethodGet, "/v1/clearing/check", url.Values{"date": {date}}, tellsRebuilt)
}

// OpenClearingCheck is the same as a book, which the audit reads.
func (c *Client) OpenClearingCheck(ctx context.Context, date string) (io.ReadCloser, error) {
	return c.port.Open(ctx, http.MethodGet, "/v1/clearing/check", url.Values{"date": {date}}, nil)
}

// RebuildClearing writes the clearing files of a business date once more, to a new folder on the switch's machine.
// Refused says that it exists, or that the date is not sealed; NotFound that there is no such date.
func (c *Client) RebuildClearing(ctx context.Context, date, dir string) (*cutover.Rebuilt, error) {
	query := url.Values{"date": {date}, "dir": {dir}}
	return object(ctx, c, http.MethodPost, "/v1/clearing/rebuild", query, tellsRebuilt)
}

func tellsRebuilt(r *cutover.Rebuilt) bool { return r.BusinessDate != "" }

// Reconciliations tells how the sealed business dates stand with the hosts: one, YYYY-MM-DD, or with "" all of the last
// 60 days.
func (c *Client) Reconciliations(ctx context.Context, date string) (days []reconcile.Day, err error) {
	query := url.Values{}
	if date != "" {
		query.Set("date", date)
	}
	err = c.port.JSON(ctx, http.MethodGet, "/v1/reconciliations", query, &days)
	return days, err
}

// EachCounted calls take with each message that a host was told under a date, YYYY-MM-DD. An error of take ends it.
func (c *Client) EachCounted(ctx context.Context, date, host string, take func(*reconcile.Counted) error) error {
	query := url.Values{"date": {date}, "host": {host}}
	return httpcall.Lines(ctx, c.port, "/v1/reconciliations/counted", query, take)
}

// ReconcileAgain has the hosts asked anew about a date, YYYY-MM-DD. Refused says that none is asked about it.
func (c *Client) ReconcileAgain(ctx context.Context, date string) error {
	_, err := c.port.Read(ctx, http.MethodPost, "/v1/reconciliations/again", url.Values{"date": {date}}, nil)
	return err
}

// EachEntry calls take with each entry of the casebook, in their order. An error of take ends it.
func (c *Client) EachEntry(ctx context.Context, take func(*casebook.Entry) error) error {
	return httpcall.Lines(ctx, c.port, "/v1/reconciliations/casebook", nil, take)
}

// Note keeps what is said of an exception of a reconciliation; by is a label.
func (c *Client) Note(ctx context.Context, exception, text, by string) (*casebook.Entry, error) {
	return c.entry(ctx, "note", url.Values{"exception": {exception}, "text": {text}}, by)
}

// MatchManually keeps a match by hand. Refused says that an item is in another, or that the sides do not come to the
// same less the difference.
func (c *Client) MatchManually(ctx context.Context, m *matching.Manual) (*casebook.Entry, error) {
	query := url.Values{
		"relation": {string(m.Relation)}, "currency": {m.Currency}, "reason": {m.Reason},
		"difference": {strconv.FormatInt(m.DifferenceMinor, 10)},
	}
	for name, items := range map[string][]matching.Item{"ours[]": m.Ours, "theirs[]": m.Theirs} {
		for i := range items {
			query.Add(name, items[i].Ref+" "+strconv.FormatInt(items[i].NetMinor, 10))
		}
	}
	return c.entry(ctx, "match", query, m.By)
}

// UndoMatch takes a match by hand back. Refused says that there is none of the number.
func (c *Client) UndoMatch(ctx context.Context, number int, reason, by string) (*casebook.Entry, error) {
	return c.entry(ctx, "unmatch", url.Values{"number": {strconv.Itoa(number)}, "reason": {reason}}, by)
}

func (c *Client) entry(ctx context.Context, verb string, query url.Values, by string) (*casebook.Entry, error) {
	if by != "" {
		query.Set("by", by)
	}
	return decided(ctx, c, http.MethodPost, "/v1/reconciliations/"+verb, query,
		func(e *casebook.Entry) bool { return e.Number > 0 })
}

// Receive gives the switch a clearing file that came back, under a name. Refused says that another of its id was taken
// before, Unfit that it cannot be taken: nothing of it was done then.
func (c *Client) Receive(ctx context.Context, name string, file io.Reader) (*incoming.Received, error) {
	text, err := c.port.Stream(ctx, http.MethodPost, "/v1/clearing/receive", url.Values{"name": {name}}, file)
	if err != nil {
		return nil, err
	}
	received := new(incoming.Received)
	if err := json.Unmarshal(text, received); err != nil || received.FileID == "" {
		return nil, fmt.Errorf("%s does not answer as a switch's operator API does: is it the right port?", c.port.Addr)
	}
	return received, nil
}

// EachIncoming calls take with each clearing file that was taken. An error of take ends it.
func (c *Client) EachIncoming(ctx context.Context, take func(*incoming.File) error) error {
	return httpcall.Lines(ctx, c.port, "/v1/clearing/incoming", nil, take)
}

// EachException calls take with each record of them that a person has to look at. An error of take ends it.
func (c *Client) EachException(ctx context.Context, take func(*incoming.Exception) error) error {
	return httpcall.Lines(ctx, c.port, "/v1/clearing/exceptions", nil, take)
}

// EachReject calls take with each rejected presentment that waits for a decision, or with all of them. An error of take
// ends it.
func (c *Client) EachReject(ctx context.Context, all bool, take func(*incoming.Reject) error) error {
	query := url.Values{}
	if all {
		query.Set("all", "true")
	}
	return httpcall.Lines(ctx, c.port, "/v1/clearing/rejects", query, take)
}

// Reject tells one. NotFound says that no presentment of that id was rejected.
func (c *Client) Reject(ctx context.Context, id string) (*incoming.Reject, error) {
	return c.reject(ctx, http.MethodGet, "", url.Values{"id": {id}})
}

// FixReject puts right what its next presentment says, by the names of incoming.Fixable.
func (c *Client) FixReject(ctx context.Context, id string, fields map[string]string) (*incoming.Reject, error) {
	query := url.Values{"id": {id}}
	for name, value := range fields {
		query.Set(name, value)
	}
	return c.reject(ctx, http.MethodPost, "/fix", query)
}

// ResubmitReject presents it again in the open date. Refused says that it is not rejected any more.
func (c *Client) ResubmitReject(ctx context.Context, id string) (*incoming.Reject, error) {
	return c.reject(ctx, http.MethodPost, "/resubmit", url.Values{"id": {id}})
}

// WriteOffReject gives it up. Refused says that it is not rejected any more.
func (c *Client) WriteOffReject(ctx context.Context, id, reason string) (*incoming.Reject, error) {
	return c.reject(ctx, http.MethodPost, "/writeoff", url.Values{"id": {id}, "reason": {reason}})
}

func (c *Client) reject(ctx context.Context, method, verb string, query url.Values) (*incoming.Reject, error) {
	return decided(ctx, c, method, "/v1/clearing/rejects"+verb, query,
		func(r *incoming.Reject) bool { return r.ID != "" })
}

// EachDispute calls take with each dispute of a state (incoming.AllDisputes: of any) that is due before a date
// (YYYY-MM-DD; "": whenever). An error of take ends it.
func (c *Client) EachDispute(
	ctx context.Context, state, dueBefore string, take func(*incoming.Dispute) error,
) error {
	query := url.Values{"state": {state}}
	if dueBefore != "" {
		query.Set("due_before", dueBefore)
	}
	return httpcall.Lines(ctx, c.port, "/v1/disputes", query, take)
}

// Dispute tells one. NotFound says that no chargeback of that id opened one.
func (c *Client) Dispute(ctx context.Context, id string) (*incoming.Dispute, error) {
	return c.dispute(ctx, http.MethodGet, "", url.Values{"id": {id}})
}

// Represent presents a second time what was charged back: all of it, or amount minor units. The reason is DE25, by a
// label beside the identity that asks. Refused says why it cannot be.
func (c *Client) Represent(
	ctx context.Context, id, reason string, amountMinor int64, by string,
) (*incoming.Dispute, error) {
	query := url.Values{"id": {id}, "reason": {reason}}
	if amountMinor != 0 {
		query.Set("amount", strconv.FormatInt(amountMinor, 10))
	}
	return c.dispute(ctx, http.MethodPost, "/represent", labelled(query, by))
}

// AcceptDispute ends a dispute. Refused says why it cannot be.
func (c *Client) AcceptDispute(ctx context.Context, id, by string) (*incoming.Dispute, error) {
	return c.dispute(ctx, http.MethodPost, "/accept", labelled(url.Values{"id": {id}}, by))
}

func labelled(query url.Values, by string) url.Values {
	if by != "" {
		query.Set("by", by)
	}
	return query
}

func (c *Client) dispute(ctx context.Context, method, verb string, query url.Values) (*incoming.Dispute, error) {
	return decided(ctx, c, method, "/v1/disputes"+verb, query, func(d *incoming.Dispute) bool { return d.ID != "" })
}

// ProposedError says that a call is proposed by it, and not carried out: another identity has to make it, too.
type ProposedError struct{ Proposal *operator.Proposal }

// Error implements error.
func (e *ProposedError) Error() string {
	return fmt.Sprintf("proposed as number %d: another identity has to make the same call", e.Proposal.Number)
}

// EachProposal calls take with each proposal that waits for a second identity, or with all of them. An error of take
// ends it.
func (c *Client) EachProposal(ctx context.Context, all bool, take func(*operator.Proposal) error) error {
	query := url.Values{}
	if all {
		query.Set("all", "true")
	}
	return httpcall.Lines(ctx, c.port, "/v1/approvals", query, take)
}

// WithdrawProposal ends a proposal. Refused says that it is open no more.
func (c *Client) WithdrawProposal(ctx context.Context, number int) (*operator.Proposal, error) {
	return object(ctx, c, http.MethodPost, "/v1/approvals/withdraw", url.Values{"number": {strconv.Itoa(number)}},
		func(p *operator.Proposal) bool { return p.Number != 0 })
}

// Strays lists the newest messages of issuers that completed no request, oldest first.
func (c *Client) Strays(ctx context.Context) (strays []operator.Stray, err error) {
	err = c.port.JSON(ctx, http.MethodGet, "/v1/strays", nil, &strays)
	return strays, err
}

// EachAdvice calls take with each advice that the issuer has not acknowledged; with parked alone only with those that
// wait for a person. An error of take ends it.
func (c *Client) EachAdvice(ctx context.Context, parked bool, take func(*operator.Advice) error) error {
	query := url.Values{}
	if parked {
		query.Set("parked", "true")
	}
	return httpcall.Lines(ctx, c.port, "/v1/saf", query, take)
}

// RetryAdvice has a parked advice sent again. NotFound says that there is none, Refused that it can only be closed.
func (c *Client) RetryAdvice(ctx context.Context, host string, seq uint64) error {
	return c.decide(ctx, "retry", host, seq)
}

// CloseAdvice ends a parked advice for good. NotFound says that there is none.
func (c *Client) CloseAdvice(ctx context.Context, host string, seq uint64) error {
	return c.decide(ctx, "close", host, seq)
}

func (c *Client) decide(ctx context.Context, verb, host string, seq uint64) error {
	query := url.Values{"host": {host}, "seq": {strconv.FormatUint(seq, 10)}}
	_, err := c.port.Read(ctx, http.MethodPost, "/v1/saf/"+verb, query, nil)
	return err
}

// EachAct calls take with each act of the record after a number, oldest first. An error of take ends it.
func (c *Client) EachAct(ctx context.Context, after uint64, take func(*operator.Act) error) error {
	query := url.Values{}
	if after != 0 {
		query.Set("after", strconv.FormatUint(after, 10))
	}
	return httpcall.Lines(ctx, c.port, "/v1/acts", query, take)
}

// OpenActs is the record as a book, which the audit reads.
func (c *Client) OpenActs(ctx context.Context) (io.ReadCloser, error) {
	return c.port.Open(ctx, http.MethodGet, "/v1/acts", nil, nil)
}

// Backup writes a consistent copy of the journal to a new folder on the switch's machine. Refused says that it exists.
func (c *Client) Backup(ctx context.Context, dir string) error {
	_, err := c.port.Read(ctx, http.MethodPost, "/v1/backup", url.Values{"dir": {dir}}, nil)
	return err
}

// Review tells why the switch is held and what is in doubt, up to limit operations of it.
func (c *Client) Review(ctx context.Context, limit int) (*operator.Review, error) {
	return object(ctx, c, http.MethodGet, "/v1/restore", url.Values{"limit": {strconv.Itoa(limit)}},
		func(r *operator.Review) bool { return r.OpenDay != "" })
}

// Confirm ends the hold: token is of the review that was seen, payments are those to go on with as after a crash, or
// "all". Refused says that the switch is not held, or that there is more to see first.
func (c *Client) Confirm(ctx context.Context, token string, payments ...string) error {
	query := url.Values{"token": {token}}
	if len(payments) > 0 {
		query.Set("recover", strings.Join(payments, ","))
	}
	_, err := c.port.Read(ctx, http.MethodPost, "/v1/restore/confirm", query, nil)
	return err
}
