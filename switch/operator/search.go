package operator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Bounds of one call of a search.
const (
	defaultFound = 50
	maxFound     = 500    // payments that it answers with
	maxLooked    = 50_000 // payments that it looks at, where no index has those that can fit
)

// formType is the type of a body that has parameters.
const formType = "application/x-www-form-urlencoded"

// Search is what payments are looked for by: those are found that fit all that is given.
type Search struct {
	// Of is what names a payment: its id, or that of its capture, refund or credit; the RRN or the ARN of any of its
	// operations; its card, whole or masked.
	Of        string
	Merchant  string
	Key       string // of any of its requests; it needs the merchant
	Reference string
	Status    string // where it stands now
	// From and To are when it was made: a moment of RFC 3339, To not included; or a day of UTC, YYYY-MM-DD, To included.
	From, To    string
	AmountMinor uint64 // of any of its operations, asked for or granted
	Currency    string
	After       string // only payments behind this id: Page.Next of the call before
	Limit       int    // payments a call, at most 500; 0: 50
}

// Parameters are those of POST /v1/payments/search. They go into a body: a card number stands in no address.
func (s *Search) Parameters() url.Values {
	form := url.Values{}
	for name, value := range map[string]string{
		"of": s.Of, "merchant": s.Merchant, "key": s.Key, "reference": s.Reference, "status": s.Status, "from": s.From,
		"to": s.To, "currency": s.Currency, "after": s.After,
	} {
		if value != "" {
			form.Set(name, value)
		}
	}
	if s.AmountMinor != 0 {
		form.Set("amount", strconv.FormatUint(s.AmountMinor, 10))
	}
	if s.Limit != 0 {
		form.Set("limit", strconv.Itoa(s.Limit))
	}
	return form
}

// Page is what one call of a search has found.
type Page struct {
	Payments []Found `json:"payments"` // in the order of their ids
	// Next is the id behind which the search goes on; "" once every payment was looked at. A page with few payments, or
	// none, may have it.
	Next string `json:"next,omitempty"`
}

// Found is a payment in a list. Amounts are minor units.
type Found struct {
	Payment    string    `json:"payment"`
	Created    time.Time `json:"created"`
	Merchant   string    `json:"merchant"`
	Reference  string    `json:"reference,omitempty"`
	PAN        string    `json:"pan"`           // first six and last four
	RRN        string    `json:"rrn,omitempty"` // of its first request
	Status     string    `json:"status"`
	Currency   string    `json:"currency"`
	Authorized int64     `json:"authorized"`
	Captured   int64     `json:"captured"`
	Refunded   int64     `json:"refunded"`
}

// sought is a search as it is carried out.
type sought struct {
	fits []func(*payment.Payment) bool // all of them
	// indexed reads from an index the payments that can fit. Where none has them, or not all, they are not whole, and
	// every payment is looked at. nil: there is no index.
	indexed func(ctx context.Context) (ids []payment.ID, whole bool, err error)
	after   payment.ID
	limit   int
	card    string // masked, where it is for a whole card number
}

func (s *sought) must(fit func(*payment.Payment) bool) { s.fits = append(s.fits, fit) }

func (s *sought) found(p *payment.Payment) bool {
	for _, fit := range s.fits {
		if !fit(p) {
			return false
		}
	}
	return true
}

// servePaymentSearch answers with a page of the payments that fit. Its parameters are a form in the body alone.
func (a *API) servePaymentSearch(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		writeError(w, http.StatusBadRequest, errors.New("the address has parameters: expected them in the body, as "+
			formType+": addresses are logged on their way, and one of them may be a card number"))
		return
	}
	if kind := r.Header.Get("Content-Type"); r.ContentLength != 0 && !strings.HasPrefix(kind, formType) {
		writeError(w, http.StatusBadRequest, fmt.Errorf("a body of type %q: expected %s", kind, formType))
		return
	}
	s, err := a.readSearch(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	page, err := a.search(r.Context(), s)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	if s.card != "" {
		if err := a.recordLook(r, s.card); err != nil {
			writeUnrecorded(w, fmt.Errorf("nothing is shown, since who asks could not be recorded: %w", err))
			return
		}
	}
	writeJSON(w, http.StatusOK, page)
}

// recordLook records that somebody who has a whole card number is shown what belongs to it. It is an act that changes
// nothing, so that there is one line of it, with what came of it.
func (a *API) recordLook(r *http.Request, card string) error {
	// Whoever hangs up has been answered, or may have been.
	_, err := a.recordAct(context.WithoutCancel(r.Context()), journal.Act{
		Who: asking(r).name, Role: string(RoleRead), What: strings.TrimPrefix(r.URL.Path, "/v1/"),
	}, ActDetails{Parameters: map[string]string{"of": card}, Outcome: ActDone})
	return err
}

// readSearch reads the parameters. No error shows what of is, which may be a card number, whole or mistyped.
func (a *API) readSearch(r *http.Request) (*sought, error) {
	for name, values := range r.PostForm {
		if strings.ContainsFunc(values[0], unicode.IsControl) {
			return nil, fmt.Errorf("%s: expected no control characters", name)
		}
	}
	s := &sought{}
	for _, read := range []func(*http.Request, *sought) error{
		readBounds, a.readReference, a.readKey, a.readName, a.readStatus, readMade, readMoney,
	} {
		if err := read(r, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func readBounds(r *http.Request, s *sought) error {
	limit, err := number(r, "limit")
	switch {
	case err != nil:
		return err
	case limit > maxFound:
		return fmt.Errorf("limit: %d: expected at most %d", limit, maxFound)
	}
	s.limit = cmp.Or(int(limit), defaultFound)
	if text := r.PostFormValue("after"); text != "" {
		if s.after, err = payment.ParseID(text); err != nil {
			return fmt.Errorf("after: %w", err)
		}
	}
	return nil
}

// readReference reads merchant and reference: of a merchant's references there is an index.
func (a *API) readReference(r *http.Request, s *sought) error {
	merchant, reference := r.PostFormValue("merchant"), r.PostFormValue("reference")
	if merchant != "" {
		s.must(func(p *payment.Payment) bool { return p.Merchant == merchant })
	}
	if reference == "" {
		return nil
	}
	s.must(func(p *payment.Payment) bool { return p.Reference == reference })
	if merchant != "" {
		s.indexed = func(ctx context.Context) ([]payment.ID, bool, error) {
			ids, more, err := a.o.Journal.ByReference(ctx, merchant, reference, s.limit)
			return ids, !more, err
		}
	}
	return nil
}

// readKey reads the key of a request. It is found by an index while keys are kept, and in the payments for good.
func (a *API) readKey(r *http.Request, s *sought) error {
	merchant, key := r.PostFormValue("merchant"), r.PostFormValue("key")
	switch {
	case key == "":
		return nil
	case merchant == "":
		return errors.New("merchant: missing; expected the key's: two merchants may use the same key")
	}
	s.must(func(p *payment.Payment) bool {
		return slices.ContainsFunc(p.Ops, func(op payment.Op) bool { return op.Key == key })
	})
	s.indexed = func(ctx context.Context) ([]payment.ID, bool, error) {
		entry, err := a.o.Journal.Key(ctx, merchant, key)
		switch {
		case errors.Is(err, journal.ErrNotFound):
			return nil, false, nil
		case err != nil || entry.Payment.IsZero(): // a burned one has none
			return nil, true, err
		}
		return []payment.ID{entry.Payment}, true, nil
	}
	return nil
}

// The forms of a name, beside a payment's id and an RRN.
var (
	arnForm    = regexp.MustCompile(`^[0-9]{23}$`)
	maskedForm = regexp.MustCompile(`^([0-9]{6})\*+([0-9]{4})$`)
	panForm    = regexp.MustCompile(`^[0-9]{13,19}$`)
)

// readName reads what names a payment. A card number is hashed here, and goes no further.
func (a *API) readName(r *http.Request, s *sought) error {
	of := r.PostFormValue("of")
	if of == "" {
		return nil
	}
	// Card numbers are printed in groups.
	name := strings.ReplaceAll(of, " ", "")
	number := strings.ReplaceAll(name, "-", "")
	if id, op, ok := ParseName(name); ok {
		s.must(func(p *payment.Payment) bool { return p.ID == id && op < len(p.Ops) })
		s.indexed = func(context.Context) ([]payment.ID, bool, error) { return []payment.ID{id}, true, nil }
		return nil
	}
	masked := maskedForm.FindStringSubmatch(name)
	switch {
	case masked != nil:
		s.must(func(p *payment.Payment) bool {
			return strings.HasPrefix(p.MaskedPAN, masked[1]) && strings.HasSuffix(p.MaskedPAN, masked[2])
		})
	case arnForm.MatchString(name):
		s.must(func(p *payment.Payment) bool {
			return slices.ContainsFunc(p.Ops, func(op payment.Op) bool { return op.ARN == name })
		})
	case panForm.MatchString(number) && pan.Luhn(number):
		s.card = pan.Mask(number)
		hash := a.o.Keyring.Hash(number)
		s.must(func(p *payment.Payment) bool { return p.PANHash == hash })
	case identity.IsRRN(name):
		s.must(func(p *payment.Payment) bool { return hasRRN(p, name) })
		s.indexed = func(ctx context.Context) ([]payment.ID, bool, error) {
			p, err := a.byFirstRRN(ctx, name)
			if err != nil || p == nil {
				return nil, false, err
			}
			return []payment.ID{p.ID}, true, nil
		}
	default:
		return errors.New("of: expected the id of a payment, capture or refund (P10000000001, P10000000001-1), an RRN of " +
			"12 characters, an ARN of 23 digits, or a card number, whole or as 400000******0002")
	}
	return nil
}

// ParseName reads the id of a payment, or of an operation of it: of a capture, refund or credit as gateways are told
// it. op is 0 of a payment's own.
func ParseName(name string) (id payment.ID, op int, ok bool) {
	text, numbered, isOp := strings.Cut(name, "-")
	id, err := payment.ParseID(text)
	if err != nil || !isOp {
		return id, 0, err == nil
	}
	op, err = strconv.Atoi(numbered)
	return id, op, err == nil && op >= 0 && strconv.Itoa(op) == numbered
}

func (a *API) readStatus(r *http.Request, s *sought) error {
	status := r.PostFormValue("status")
	if status == "" {
		return nil
	}
	var names []string
	for _, standing := range payment.Standings() {
		names = append(names, standing.String())
	}
	if !slices.Contains(names, status) {
		return fmt.Errorf("status: %q: expected %s", status, strings.Join(names, ", "))
	}
	now := a.o.Clock.Confirmed()
	s.must(func(p *payment.Payment) bool { return p.Standing(now).String() == status })
	return nil
}

// readMade reads when the payment was made.
func readMade(r *http.Request, s *sought) error {
	from, err := readMoment(r, "from", false)
	if err != nil {
		return err
	}
	to, err := readMoment(r, "to", true)
	switch {
	case err != nil:
		return err
	case !from.IsZero() && !to.IsZero() && !to.After(from):
		return fmt.Errorf("to: %s: expected a moment after from", r.PostFormValue("to"))
	}
	if !from.IsZero() {
		s.must(func(p *payment.Payment) bool { return !p.Created.Before(from) })
	}
	if !to.IsZero() {
		s.must(func(p *payment.Payment) bool { return p.Created.Before(to) })
	}
	return nil
}

// readMoment reads a moment, or the begin of a day, or with end its end; the zero time without it.
func readMoment(r *http.Request, name string, end bool) (time.Time, error) {
	text := r.PostFormValue(name)
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := payment.ParseDate(text); err == nil {
		if end {
			day = day.Next()
		}
		return day.Time(), nil
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %q: expected a day of UTC, YYYY-MM-DD, or a moment such as "+
			"2026-11-21T22:03:57Z", name, text)
	}
	return moment, nil
}

func readMoney(r *http.Request, s *sought) error {
	amount, err := number(r, "amount")
	switch given := r.PostFormValue("amount") != ""; {
	case err != nil:
		return fmt.Errorf("%w of minor units", err)
	case given && amount == 0:
		return errors.New("amount: 0: expected at least 1 minor unit")
	case given:
		s.must(func(p *payment.Payment) bool {
			return slices.ContainsFunc(p.Ops, func(op payment.Op) bool {
				return uint64(op.Amount) == amount || uint64(op.Granted) == amount
			})
		})
	}
	if currency := r.PostFormValue("currency"); currency != "" {
		if _, known := money.Lookup(currency); !known {
			return fmt.Errorf("currency: %q: expected an ISO 4217 code of three capital letters", currency)
		}
		s.must(func(p *payment.Payment) bool { return p.Currency == currency })
	}
	return nil
}

// search finds a page of payments.
func (a *API) search(ctx context.Context, s *sought) (Page, error) {
	if s.indexed != nil {
		ids, whole, err := s.indexed(ctx)
		switch {
		case err != nil:
			return Page{}, err
		case whole:
			return a.among(ctx, s, ids)
		}
	}
	return a.throughAll(ctx, s)
}

// among finds those that fit among some payments, of which there are not more than a page has.
func (a *API) among(ctx context.Context, s *sought, ids []payment.ID) (Page, error) {
	page := Page{Payments: []Found{}}
	slices.SortFunc(ids, func(x, y payment.ID) int { return bytes.Compare(x[:], y[:]) })
	for _, id := range ids {
		p, err := a.o.Journal.Payment(ctx, id)
		switch {
		case errors.Is(err, journal.ErrNotFound):
		case err != nil:
			return page, err
		case bytes.Compare(id[:], s.after[:]) > 0 && s.found(p):
			page.Payments = append(page.Payments, a.listed(p))
		}
	}
	return page, nil
}

// throughAll looks at the payments behind an id, at so many as a call may.
func (a *API) throughAll(ctx context.Context, s *sought) (Page, error) {
	page, looked := Page{Payments: []Found{}}, 0
	err := a.o.Journal.Payments(ctx, s.after, func(p *payment.Payment) bool {
		if s.found(p) {
			page.Payments = append(page.Payments, a.listed(p))
		}
		if looked++; looked == maxLooked || len(page.Payments) == s.limit {
			page.Next = p.ID.String()
		}
		return page.Next == ""
	})
	return page, err
}

// listed is a payment as a list shows it.
func (a *API) listed(p *payment.Payment) Found {
	sums := p.Sums()
	return Found{
		Payment: p.ID.String(), Created: p.Created.UTC(), Merchant: p.Merchant, Reference: pan.Hide(p.Reference),
		PAN: p.MaskedPAN,
		RRN: p.Ops[0].RRN, Status: p.Standing(a.o.Clock.Confirmed()).String(), Currency: p.Currency,
		Authorized: sums.Authorized, Captured: sums.Captured, Refunded: sums.Refunded,
	}
}
