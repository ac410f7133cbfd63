package operator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// A journal that is an earlier copy of itself does not know what was approved, captured and delivered since. So the
// switch starts held on it: it answers questions and nothing else, until an operator has seen the review and
// confirmed it.

// Review is what GET /v1/restore answers: why the switch is held, and what is in doubt.
type Review struct {
	Held       bool      `json:"held"`
	Since      time.Time `json:"since,omitzero"`
	Reasons    []string  `json:"reasons,omitempty"`
	LastCommit time.Time `json:"last_commit,omitzero"` // the newest that the journal has
	Marked     bool      `json:"marked"`               // a mark knows which numbers were given since
	OpenDay    string    `json:"open_day"`
	// InDoubt are the operations whose end the journal does not know, the first of them; InDoubtCount counts all.
	InDoubtCount int     `json:"in_doubt_count"`
	InDoubt      []Doubt `json:"in_doubt"`
	// Captures are those by the switch that it has not made, due or not, the first of them: the confirmation cancels them.
	// CapturesCount counts all, and CapturesMinor adds them up by currency.
	CapturesCount int               `json:"captures_count"`
	CapturesMinor map[string]int64  `json:"captures_minor,omitempty"`
	Captures      []AwaitingCapture `json:"captures"`
	// Files stand in the clearing folder, of dates that the journal has not sealed, or that wait in it for people to
	// release them: they were written after it was copied.
	Files []LostFile `json:"files"`
	// Token names all of this; the confirmation gives it back.
	Token string `json:"token,omitempty"`
}

// Doubt is an operation that the journal knows the beginning of.
type Doubt struct {
	Payment     string    `json:"payment"`
	Op          int       `json:"op"`
	Kind        string    `json:"kind"`
	State       string    `json:"state"` // pending: sent; queued: an advice that may have been delivered
	Host        string    `json:"host"`
	RRN         string    `json:"rrn"`
	AmountMinor int64     `json:"amount_minor"`
	Currency    string    `json:"currency"`
	Merchant    string    `json:"merchant"`
	At          time.Time `json:"at"`
}

// AwaitingCapture is an authorization that the switch was asked to capture by itself.
type AwaitingCapture struct {
	Payment     string    `json:"payment"`
	Due         time.Time `json:"due"`
	RRN         string    `json:"rrn"`
	AmountMinor int64     `json:"amount_minor"` // what is left to capture
	Currency    string    `json:"currency"`
	Merchant    string    `json:"merchant"`
}

// LostFile is a clearing file of which the journal does not know that it is out.
type LostFile struct {
	Date         string `json:"date"`
	FileID       string `json:"file_id"`
	Destination  string `json:"destination"`
	Presentments int    `json:"presentments"`
	SumMinor     int64  `json:"sum_minor"`
	// Waits: the journal has it, and that it waits for its release.
	Waits bool `json:"waits,omitempty"`
	// Problem is why its manifest cannot be read; then only its name is known.
	Problem string `json:"problem,omitempty"`
}

const (
	// restoredFiles keeps which files in the clearing folder an operator has confirmed, JSON.
	restoredFiles = "restore-files"
	// parkedReason is why what was in doubt waits for a person.
	parkedReason = "restored: what became of it is not known"
	// maxDoubtsShown bounds a review.
	maxDoubtsShown   = 1000
	tokenLen         = 12
	allPayments      = "all"
	manifestFileName = ".manifest.json"
)

// DetectHold holds the journal where the clearing folder has files of dates that it has not sealed, or not released.
func (a *API) DetectHold(ctx context.Context) error {
	if mutant.On(mutant.RestoredNotHeld) {
		if a.o.Journal.Hold() != nil {
			return a.o.Journal.Release(ctx)
		}
		return nil
	}
	files, err := a.lostFiles(ctx)
	if errors.Is(err, errFolderUnread) {
		// The mark agrees with the journal, or it would be held. A switch serves also where no file can be read or written.
		a.o.Logger.Error("whether there are clearing files that the journal does not know cannot be seen; "+
			"the switch serves, since its mark tells of no later state", zap.Error(err))
		return nil
	}
	if err != nil || len(files) == 0 {
		return err
	}
	known, err := a.confirmedFiles(ctx)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f LostFile) bool { return slices.Contains(known, f.FileID) })
	if len(files) == 0 {
		return nil
	}
	why := "which the journal has not sealed"
	if files[0].Waits {
		why = "which waits for its release in the journal"
	}
	return a.o.Journal.AddHold(ctx, fmt.Sprintf("the clearing folder has the file %s of business date %s, %s",
		files[0].FileID, files[0].Date, why))
}

func (a *API) confirmedFiles(ctx context.Context) (ids []string, err error) {
	text, err := a.o.Journal.Meta(ctx, restoredFiles)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &ids)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", restoredFiles, err)
	}
	return ids, nil
}

// errFolderUnread says that the clearing folder cannot be read.
var errFolderUnread = errors.New("the clearing folder cannot be read")

// lostFiles lists the manifests of files that wait in the journal for their release, and of dates that it has not
// sealed all but those of their windows.
func (a *API) lostFiles(ctx context.Context) (files []LostFile, err error) {
	fsys, root := a.o.FS, a.o.ClearingDir
	if _, err := fsys.Stat(root); err != nil {
		return nil, nil // made with the first file
	}
	folders, err := fsys.List(root)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFolderUnread, err)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		at, err := time.Parse(time.DateOnly, folder)
		if err != nil {
			continue
		}
		d, err := a.o.Journal.Day(ctx, payment.DateOf(at))
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return nil, err
		}
		known, _, err := cutover.SealedFiles(d)
		if err != nil {
			return nil, err
		}
		sealed := d.State == journal.DaySealed || d.State == journal.DayWritten
		if sealed && !slices.ContainsFunc(known, func(f cutover.SealedFile) bool { return f.Waiting }) {
			continue
		}
		names, err := fsys.List(fsys.PathJoin(root, folder))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFolderUnread, err)
		}
		slices.Sort(names)
		for _, name := range names {
			id, isManifest := strings.CutSuffix(name, manifestFileName)
			i := slices.IndexFunc(known, func(f cutover.SealedFile) bool { return f.FileID == id })
			ours, waits := i >= 0, i >= 0 && known[i].Waiting
			if !isManifest || (ours || sealed) && !waits {
				continue
			}
			f, err := a.lostFile(fsys.PathJoin(root, folder, name))
			if err != nil { // its name tells enough to hold the switch
				f = LostFile{FileID: id, Problem: err.Error()}
			}
			f.Date, f.Waits = folder, waits
			files = append(files, f)
		}
	}
	return files, nil
}

func (a *API) lostFile(path string) (LostFile, error) {
	in, err := a.o.FS.Open(path)
	if err != nil {
		return LostFile{}, err
	}
	m, err := clearing.ReadManifest(in)
	if err = errors.Join(err, in.Close()); err != nil {
		return LostFile{}, err
	}
	return LostFile{
		FileID: m.FileID, Destination: m.Destination, Presentments: m.Totals.Presentments, SumMinor: m.Totals.SumMinor,
	}, nil
}

// Review says why the switch is held, what is in doubt and what is cancelled, up to limit operations of each.
func (a *API) Review(ctx context.Context, limit int) (*Review, error) {
	r := &Review{
		OpenDay: a.o.Journal.OpenDay().String(), InDoubt: []Doubt{}, Captures: []AwaitingCapture{}, Files: []LostFile{},
	}
	h := a.o.Journal.Hold()
	if h == nil {
		return r, nil
	}
	r.Held, r.Since, r.Reasons, r.LastCommit = true, h.Since, h.Reasons, a.o.Journal.LastCommit().UTC()
	_, r.Marked = a.o.Journal.Lost()
	files, err := a.lostFiles(ctx)
	if err != nil {
		return nil, err
	}
	r.Files = append(r.Files, files...)
	seen := sha256.New()
	if err := json.NewEncoder(seen).Encode(r); err != nil {
		return nil, err
	}
	err = a.doubts(ctx, func(d *Doubt) error {
		r.InDoubtCount++
		if len(r.InDoubt) < limit {
			r.InDoubt = append(r.InDoubt, *d)
		}
		return json.NewEncoder(seen).Encode(d)
	})
	if err != nil {
		return nil, err
	}
	err = a.unmade(ctx, func(c *AwaitingCapture) error {
		if r.CapturesCount++; r.CapturesMinor == nil {
			r.CapturesMinor = map[string]int64{}
		}
		r.CapturesMinor[c.Currency] += c.AmountMinor
		if len(r.Captures) < limit {
			r.Captures = append(r.Captures, *c)
		}
		return json.NewEncoder(seen).Encode(c)
	})
	r.Token = hex.EncodeToString(seen.Sum(nil))[:tokenLen]
	return r, err
}

// doubts calls yield for every operation without an outcome, then for every queued advice.
func (a *API) doubts(ctx context.Context, yield func(*Doubt) error) error {
	one := func(id payment.ID, i int) error {
		p, err := a.o.Journal.Payment(ctx, id)
		if err != nil {
			return err
		}
		op := &p.Ops[i]
		return yield(&Doubt{
			Payment: id.String(), Op: i, Kind: op.Kind.String(), State: op.State.String(), Host: op.Host, RRN: op.RRN,
			AmountMinor: op.Amount, Currency: p.Currency, Merchant: p.Merchant, At: op.At.UTC(),
		})
	}
	for _, ref := range a.o.Requests.Left() {
		if err := one(ref.Payment, ref.Op); err != nil {
			return err
		}
	}
	var failed error
	err := a.o.Queue.List(ctx, func(row journal.SAFRow) bool {
		if !row.Parked {
			failed = one(row.Payment, row.Op)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

// unmade calls yield for every capture by the switch that is not made.
func (a *API) unmade(ctx context.Context, yield func(*AwaitingCapture) error) error {
	var failed error
	err := a.o.Requests.Unmade(ctx, func(p *payment.Payment) bool {
		root := &p.Ops[0]
		failed = yield(&AwaitingCapture{
			Payment: p.ID.String(), Due: root.CaptureAt.UTC(), RRN: root.RRN, AmountMinor: p.Sums().Capturable(),
			Currency: p.Currency, Merchant: p.Merchant,
		})
		return failed == nil
	})
	return errors.Join(err, failed)
}

// ErrNotHeld is returned for the confirmation of a switch that is not held.
var ErrNotHeld = errors.New("the switch is not held")

// ErrClockUnconfirmed is returned for a confirmation while the clock is in doubt: after a restore it most often is,
// and by a clock that still shows the time of the backup numbers would be given again.
var ErrClockUnconfirmed = errors.New("the clock is not confirmed: see to it first (switchctl clock)")

// ErrNotReviewed is returned for a confirmation that does not give the token of the review as it is now.
var ErrNotReviewed = errors.New("this is not the token of the review as it is now: see it again")

// Confirm ends the hold: an operator has seen the review that token names. What is in doubt is parked, but of the
// payments in recover, for which it goes on as after a crash: their unanswered requests are reversed and their
// advices sent, and what the switch is to capture of them it captures. With all every one of them is. Captures by the
// switch of others are cancelled. Numbers move past what may have been given since; then the switch
// serves.
func (a *API) Confirm(ctx context.Context, token string, all bool, recover []payment.ID) error {
	a.holding.Lock()
	defer a.holding.Unlock()
	switch {
	case a.stopping.Load():
		return errors.New("the switch is stopping")
	case a.o.Journal.Hold() == nil:
		return ErrNotHeld
	case a.Clock().Unconfirmed != "":
		return ErrClockUnconfirmed
	}
	review, err := a.Review(ctx, 0)
	if err != nil {
		return err
	}
	if token != review.Token {
		return ErrNotReviewed
	}
	leave := func(id payment.ID) bool {
		return all || slices.Contains(recover, id) || mutant.On(mutant.RecoversUnnamed)
	}
	if err := a.o.Requests.MayPark(leave); err != nil {
		return err
	}
	if err := a.skipNumbers(ctx, review); err != nil {
		return err
	}
	if err := a.o.Requests.Park(ctx, parkedReason, leave); err != nil {
		return err
	}
	if err := a.o.Queue.ParkAll(ctx, parkedReason, leave); err != nil {
		return err
	}
	known := make([]string, len(review.Files))
	for i := range review.Files {
		known[i] = review.Files[i].FileID
	}
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	if err := a.o.Journal.PutMeta(ctx, restoredFiles, text); err != nil {
		return err
	}
	if err := a.o.Journal.Release(ctx); err != nil {
		return err
	}
	a.o.Logger.Warn("an operator has confirmed the journal; the switch serves", zap.Strings("was_held_for",
		review.Reasons),
		zap.Int("in_doubt", review.InDoubtCount), zap.Int("captures_by_the_switch", review.CapturesCount),
		zap.Bool("all_recovered", all), zap.Int("recovered", len(recover)))
	return a.o.Begin()
}

// datesAhead is how far ahead of the date in UTC one may lie that was open at a moment: one is that of the time zone,
// one that of a cutover before midnight, and two may have been opened ahead by hand.
const datesAhead = 4

// skipNumbers moves the numbers on where no mark knows which were given; where one does, the release of the journal
// does it.
func (a *API) skipNumbers(ctx context.Context, r *Review) error {
	if r.Marked {
		return nil
	}
	now := a.o.Clock.Now()
	since := now.Sub(r.LastCommit)
	if a.o.Journal.LastCommit().IsZero() {
		since = identity.MaxSkip
	}
	switch {
	case since < 0:
		return fmt.Errorf("the clock says %s, and the journal's newest commit is of %s: set the clock right", now,
			r.LastCommit)
	case since > identity.MaxSkip && a.began.Truncate(24*time.Hour).Equal(now.Truncate(24*time.Hour)):
		return fmt.Errorf("the journal's newest commit is of %s and no mark knows the numbers given since, so "+
			"RRNs of today may have been given: "+
			"put the mark back, or confirm after 00:00 UTC", r.LastCommit.Format(time.RFC3339))
	}
	until := max(a.o.Journal.OpenDay(), payment.DateOf(now))
	for range datesAhead {
		until = until.Next()
	}
	return a.o.Numbers.Skip(ctx, since, a.o.Journal.OpenDay(), until, r.Since)
}

// serveReview answers what is in doubt; ?limit= of it.
func (a *API) serveReview(w http.ResponseWriter, r *http.Request) {
	limit := maxDoubtsShown
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			writeError(w, http.StatusBadRequest, fmt.Errorf("limit: %q: expected how many operations to list", text))
			return
		}
		limit = n
	}
	a.holding.Lock()
	defer a.holding.Unlock()
	review, err := a.Review(r.Context(), limit)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, review)
}

// serveConfirm ends the hold: ?token= of the review, and ?recover= payments, by commas, or all.
func (a *API) serveConfirm(w http.ResponseWriter, r *http.Request) {
	var ids []payment.ID
	all := r.FormValue("recover") == allPayments
	if text := r.FormValue("recover"); text != "" && !all {
		for name := range strings.SplitSeq(text, ",") {
			id, err := payment.ParseID(name)
			if err != nil {
				writeError(w, http.StatusBadRequest, fmt.Errorf("recover: %q: expected payments, by commas, or %s", name,
					allPayments))
				return
			}
			ids = append(ids, id)
		}
	}
	// A caller that hangs up does not leave it half done.
	switch err := a.Confirm(context.WithoutCancel(r.Context()), r.FormValue("token"), all, ids); {
	case errors.Is(err, ErrNotHeld), errors.Is(err, ErrNotReviewed), errors.Is(err, ErrClockUnconfirmed),
		errors.Is(err, identity.ErrReserved): // nothing has changed
		writeError(w, http.StatusConflict, err)
	case err != nil:
		a.o.Logger.Error("the confirmation failed; the switch is still held, or stops", zap.Error(err))
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, map[string]bool{"held": false})
	}
}

// unlessHeld refuses what would change something while the switch is held.
func unlessHeld(serve serving) serving {
	return func(a *API, w http.ResponseWriter, r *http.Request) {
		if h := a.o.Journal.Hold(); h != nil {
			writeError(w, http.StatusConflict, fmt.Errorf("the switch is held: %s; see switchctl restore review",
				strings.Join(h.Reasons, "; ")))
			return
		}
		serve(a, w, r)
	}
}
