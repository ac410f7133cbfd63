package txswitch_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/internal/vfs"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// copyData puts a data folder where another one is.
func copyData(t *testing.T, s *switchtest.System, from, to string) {
	t.Helper()
	if err := s.FS.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if ok, err := vfs.Clone(s.FS, s.FS, from, to, vfs.CloneSync); err != nil || !ok {
		t.Fatalf("copy %s to %s: %v, %v", from, to, ok, err)
	}
}

// status asks an operator path and returns its status code and body.
func status(t *testing.T, s *switchtest.System, method, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+s.OperatorAddr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// putBack plays a switch whose data folder is put back to an earlier copy: before the copy a payment is captured,
// whose advice waits, and another's request is at the issuer, which is silent; after it the second is answered and
// told.
func putBack(t *testing.T, drop func(*switchtest.System)) (s *switchtest.System, before, after api.Answer) {
	t.Helper()
	s = switchtest.Start(t, switchtest.Options{IssuerData: true})
	before = s.Do(switchtest.Authorize("before", 5000))
	s.StopIssuer()
	if a := s.Do(switchtest.On(api.OpCapture, "capture", before.Payment, 3000)); a.Err != nil || !a.Approved {
		t.Fatalf("capture: %+v", a)
	}
	s.StopSwitch()
	copyData(t, s, s.Config.Data, "earlier")
	s.StartIssuer()
	s.StartSwitch()
	s.AwaitDrained()
	after = s.Do(switchtest.Authorize("after", 7000))
	if after.Err != nil || !after.Approved {
		t.Fatalf("authorize: %+v", after)
	}
	s.StopSwitch()
	copyData(t, s, "earlier", s.Config.Data)
	if drop != nil {
		drop(s)
	}
	s.StartSwitch()
	return s, before, after
}

// A data folder that was put back is recognised at the start. The switch then answers questions and does nothing, and
// says why, until an operator gives back the token of what it has shown.
func TestPutBackIsHeld(t *testing.T) {
	s, before, after := putBack(t, nil)
	code, text := status(t, s, "GET", "/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(text, "earlier copy") {
		t.Errorf("readyz: %d %s", code, text)
	}
	for name, req := range map[string]api.Request{
		"new work": switchtest.Authorize("new", 100), "a repeat": switchtest.Authorize("before", 5000),
		"capture":                         switchtest.On(api.OpCapture, "c2", before.Payment, 100),
		"status of what it does not know": switchtest.On(api.OpStatus, "", after.Payment, 0),
	} {
		if a := s.Do(req); a.Err == nil || a.Err.Code != api.CodeBusy || !a.Err.Retry() {
			t.Errorf("%s: %+v, want busy", name, a)
		}
	}
	if a := s.Do(switchtest.On(api.OpStatus, "", before.Payment, 0)); a.Err != nil || a.Payment != before.Payment {
		t.Errorf("status: %+v", a)
	}
	for _, path := range []string{"/v1/cutover", "/v1/saf/retry?host=issuer&seq=1"} {
		if code, text := status(t, s, "POST", path); code != http.StatusConflict || !strings.Contains(text, "held") {
			t.Errorf("POST %s: %d %s", path, code, text)
		}
	}
	if st := s.Switch.Stats(); st.SAF.Queued != 1 || !st.Held {
		t.Errorf("stats %+v, want one advice queued, and held", st)
	}
	var r operator.Review
	s.Operator("GET", "/v1/restore", &r)
	if !r.Held || !r.Marked || r.InDoubtCount != 1 ||
		r.InDoubt[0].Payment != before.Payment || r.InDoubt[0].Kind != "capture" {
		t.Fatalf("review %+v", r)
	}
	if code, text := status(t, s, "POST", "/v1/restore/confirm?token=guessed"); code != http.StatusConflict {
		t.Errorf("a wrong token: %d %s", code, text)
	}
	s.StopSwitch()
	s.StartSwitch()
	if !s.Switch.Stats().Held {
		t.Fatal("not held at the next start")
	}
	s.Operator("GET", "/v1/restore", &r)
	s.Operator("POST", "/v1/restore/confirm?token="+r.Token, nil)
	s.AwaitReady()
	if st := s.Switch.Stats(); st.SAF.Queued != 0 || st.SAF.Parked != 1 || st.Held {
		t.Errorf("stats %+v, want the advice parked", st)
	}
	a := s.Do(switchtest.Authorize("new", 100))
	if a.Err != nil || !a.Approved {
		t.Errorf("after the confirmation: %+v", a)
	}
	if a.Payment == after.Payment || a.RRN == after.RRN {
		t.Errorf("payment %s and RRN %s were given twice", a.Payment, a.RRN)
	}
	if code, _ := status(t, s, "POST", "/v1/restore/confirm?token="+r.Token); code != http.StatusConflict {
		t.Errorf("a second confirmation: %d", code)
	}
	s.StopSwitch()
	s.StartSwitch()
	if s.Switch.Stats().Held {
		t.Error("held again after the confirmation")
	}
}

// What an operator names is recovered as after a crash.
func TestConfirmRecovers(t *testing.T) {
	s, before, _ := putBack(t, nil)
	var r operator.Review
	s.Operator("GET", "/v1/restore", &r)
	s.Operator("POST", "/v1/restore/confirm?token="+r.Token+"&recover="+before.Payment, nil)
	s.AwaitReady()
	s.AwaitDrained()
	if st := s.Switch.Stats(); st.SAF.Parked != 0 {
		t.Errorf("stats %+v, want the advice delivered", st)
	}
}

// Without its mark a journal is held, too, and its numbers move past what may have been given since.
func TestPutBackWithoutMark(t *testing.T) {
	s, _, after := putBack(t, func(s *switchtest.System) {
		if err := s.FS.Remove(s.Config.Data + ".mark"); err != nil {
			t.Fatal(err)
		}
	})
	var r operator.Review
	s.Operator("GET", "/v1/restore", &r)
	if !r.Held || r.Marked {
		t.Fatalf("review %+v", r)
	}
	s.Operator("POST", "/v1/restore/confirm?token="+r.Token, nil)
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("new", 100))
	if a.Err != nil || !a.Approved || a.Payment <= after.Payment {
		t.Errorf("after the confirmation: %+v; %s was given before", a, after.Payment)
	}
	sale := switchtest.Authorize("sale", 100)
	sale.Op = api.OpSale
	if a := s.Do(sale); a.Err != nil || !a.Approved {
		t.Errorf("sale: %+v", a)
	}
}

// Acquirer references of dates that lie ahead do not come twice either, in a time zone whose date is a day ahead of
// UTC's, with a cutover before the day's end and dates closed ahead of it, from a copy that is days old.
func TestPutBackFarBehindOpenDates(t *testing.T) {
	var c setClock
	now := time.Now().UTC()
	c.set(now.Truncate(day).Add(21*time.Hour + 30*time.Minute).Sub(now)) // 06:30 of the next day in Tokyo
	s := switchtest.Start(t, switchtest.Options{
		Wall: c.wall, Unsynchronized: true, IssuerData: true,
		Configure: func(c *txswitch.Config) {
			c.BusinessDay.Timezone, c.BusinessDay.Cutover = "Asia/Tokyo", config.TimeOfDay(6*time.Hour)
		},
	})
	wantApproved(t, s.Do(switchtest.Authorize("before", 5000)), "00")
	s.StopSwitch()
	copyData(t, s, s.Config.Data, "earlier")
	c.set(time.Duration(c.off.Load()) + 3*day)
	life := func(key string) (arn, date string) {
		s.StartSwitch()
		s.Operator("POST", "/v1/clock/confirm", nil)
		var r operator.Review
		if s.Operator("GET", "/v1/restore", &r); r.Held {
			s.Operator("POST", "/v1/restore/confirm?token="+r.Token, nil)
			s.AwaitReady()
		}
		s.Await("the open date is as far ahead as may be", func() bool { // wherever the schedule is
			code, text := status(t, s, "POST", "/v1/cutover?ahead=true")
			return code == http.StatusConflict && strings.Contains(text, "no more than one date ahead")
		})
		sale := switchtest.Authorize(key, 100)
		sale.Op = api.OpSale
		a := s.Do(sale)
		wantApproved(t, a, "00")
		made := last(s, a.Payment)
		s.StopSwitch()
		return made.ARN, made.BusinessDate
	}
	lost, of := life("lost")
	copyData(t, s, "earlier", s.Config.Data)
	if err := s.FS.Remove(s.Config.Data + ".mark"); err != nil {
		t.Fatal(err)
	}
	if arn, date := life("new"); arn == lost || date != of {
		t.Errorf("of %s is %s, and of %s in the life that was lost %s: want one date and two references", date, arn, of, lost)
	}
}

// A clearing folder that cannot be read keeps no switch from serving: that its journal is no earlier copy its mark
// tells.
func TestClearingFolderUnread(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	s.StopSwitch()
	folder := s.FS.PathJoin(s.Config.Data, "clearing")
	f, err := s.FS.Create(folder, vfs.WriteCategoryUnspecified) // a file where the folder should be
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	s.StartSwitch()
	s.AwaitReady()
	if a := s.Do(switchtest.Authorize("served", 100)); a.Err != nil || !a.Approved {
		t.Errorf("authorize: %+v", a)
	}
}

// A manifest that cannot be read is a file all the same that the journal does not know.
func TestManifestUnread(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	s.StopSwitch()
	const id = "0022611210000040000100001"
	folder := s.FS.PathJoin(s.Config.Data, "clearing", "2099-01-01")
	err := s.FS.MkdirAll(folder, 0o700)
	f, failed := s.FS.Create(s.FS.PathJoin(folder, id+".manifest.json"), vfs.WriteCategoryUnspecified)
	if err = errors.Join(err, failed, f.Close()); err != nil {
		t.Fatal(err)
	}
	s.StartSwitch()
	var r operator.Review
	s.Operator("GET", "/v1/restore", &r)
	if !r.Held || len(r.Files) != 1 || r.Files[0].FileID != id || r.Files[0].Problem == "" {
		t.Errorf("review %+v", r)
	}
}

// Captures by the switch that the journal has not made are listed before they are cancelled, and only those that an
// operator does not name are.
func TestRestoreCancelsCaptures(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	later := func(key string) string {
		req := switchtest.Authorize(key, 5000)
		req.CaptureAfter, req.Present = 48*time.Hour, req.Present.With(api.FieldCapture)
		a := s.Do(req)
		wantApproved(t, a, "00")
		return a.Payment
	}
	reversed, kept := later("k1"), later("k2")
	s.StopSwitch()
	copyData(t, s, s.Config.Data, "earlier")
	s.StartSwitch()
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "r1", reversed, 0)), "00")
	s.StopSwitch()
	copyData(t, s, "earlier", s.Config.Data)
	s.StartSwitch()
	var r operator.Review
	s.Operator("GET", "/v1/restore?limit=1", &r)
	if r.CapturesCount != 2 || len(r.Captures) != 1 || r.CapturesMinor["EUR"] != 10_000 ||
		r.Captures[0].Payment != reversed || r.Captures[0].AmountMinor != 5000 || r.Captures[0].Due.IsZero() {
		t.Errorf("review %+v", r)
	}
	s.Operator("POST", "/v1/restore/confirm?token="+r.Token+"&recover="+kept, nil)
	s.AwaitReady()
	for id, cancelled := range map[string]bool{reversed: true, kept: false} {
		root := operations(s, id)[0]
		if (root.CaptureAt == nil) != cancelled || strings.Contains(root.Reason, "is cancelled") != cancelled {
			t.Errorf("%s: %+v", id, root)
		}
		a := s.Do(switchtest.On(api.OpStatus, "", id, 0))
		if len(a.History) != 1 || a.History[0].CaptureCancelled != cancelled {
			t.Errorf("%s: %+v", id, a)
		}
		var story operator.Story
		s.Operator("GET", "/v1/explain?of="+id, &story)
		if strings.Contains(story.Events[0].Text, "is cancelled: restored") != cancelled {
			t.Errorf("%s: its story begins with %+v", id, story.Events[0])
		}
	}
}
