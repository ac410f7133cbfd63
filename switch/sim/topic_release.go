package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
)

// Clearing files that wait for two people. In all lives of a switch, or in most, what is sealed waits: dates, and
// windows within a date, beside voids, files that come back, and everything else. Two operators release it between
// crashes and in the middle of one, a window or a date at a time; one proposes and the other one confirms, at once or
// later, in another life and under other settings; some look first at what the files will be. Now and then they ask out
// of turn, and nothing comes of it. In the end all is released, each file with the bytes that were looked at, and none
// was there before.
//
// In most plans they refuse a date or two for good: it never has a file, and what stood in it leaves with a later one.
// Of which something is out already, or behind which another one has files, is not refused.

func init() { addTopic(topic{name: "release", since: 32, draw: drawRelease}) }

const releasePercent = 25

func drawRelease(t *rapid.T, p *Plan) section {
	if !percent(t, releasePercent) {
		return nil
	}
	if _, windows := sectionOf[*dateWindowsSection](p); !windows && percent(t, 50) {
		p.Sections = append(p.Sections, drawWindowEnds(t, p, span/4))
	}
	for range 1 + bits(t, 3) {
		p.Faults = append(p.Faults, Fault{Kind: Cutover, At: between(t, time.Second, span/4), Node: bits(t, p.Nodes)})
	}
	return releaseSection{
		Every: between(t, 100*time.Millisecond, 8*time.Second), Later: []int{50, 0, 85}[bits(t, 3)],
		Away: []int{0, 40, 0}[bits(t, 3)], Crashes: bits(t, 4),
		Refuse: []int{1, 0, 2}[bits(t, 3)],
	}
}

// releaseSection says when files wait, and what becomes of them.
type releaseSection struct {
	Every   time.Duration // between two looks of whoever decides
	Later   int           // of a hundred looks that see something wait nothing comes
	Away    int           // in so many lives of a hundred files do not wait
	Crashes int           // as something is released or refused
	Refuse  int           // so many dates at most are refused
}

// String implements section.
func (s releaseSection) String() string {
	return fmt.Sprintf("files wait for two people, in %d %% of the lives they do not; looked at every %s, and left for "+
		"later in %d %%; %d crashes as they are released; %d dates at most are refused",
		s.Away, s.Every, s.Later, s.Crashes, s.Refuse)
}

func (s releaseSection) begin(w *world) any {
	return &releasePart{releaseSection: s, w: w, left: s.Crashes, refuses: s.Refuse, seen: map[string]string{}}
}

type releasePart struct {
	releaseSection
	w *world

	left    int               // crashes
	refuses int               // dates that may be refused yet
	looked  uint64            // how often somebody has
	seen    map[string]string // the sums of files that were made elsewhere before their release, by node and path
}

// configure implements configures. Where files do not wait, nobody may be known at all.
func (r *releasePart) configure(n *switchNode, life int, o *txswitch.Options) {
	any := n.chance(life)
	if any.below(100, "files do not wait", 0) < r.Away {
		return
	}
	known, err := knownOperators()
	if err != nil {
		r.w.failf("operators", "%v", err)
	}
	o.Config.Operator.Identities = known
	o.Config.Operator.TwoPeople = append(o.Config.Operator.TwoPeople, operator.TopicFileRelease)
}

// releasesLast is for how long somebody looks once all faults have begun: dates are closed as late as that.
const releasesLast = 5 * time.Second

// play implements plays. It goes on when the actors are done.
func (r *releasePart) play() {
	for time.Since(r.w.begin) < span+releasesLast {
		every := r.Every
		if r.w.awake.Load() <= 0 {
			every = max(every, 2*time.Second)
		}
		time.Sleep(every)
		for _, n := range r.w.nodes {
			r.look(n)
		}
	}
}

// look sees what waits at a node, and now and then decides about some of it. The switch may be down.
func (r *releasePart) look(n *switchNode) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := waitingAt(ctx, n)
	if err != nil || len(list) == 0 {
		return
	}
	r.notThere(ctx, n, list)
	r.looked++
	any := n.chance(0)
	if any.below(100, "released later", r.looked) < r.Later {
		return
	}
	if r.refuses > 0 && any.oneIn(2, "refused", r.looked) {
		r.refuse(ctx, n, list)
		return
	}
	last := &list[len(list)-1]
	if !inTurn(list, last) && any.oneIn(2, "out of turn", r.looked) {
		r.outOfTurn(ctx, n, last)
	}
	next := slices.DeleteFunc(slices.Clone(list), func(x unreleased) bool { return !inTurn(list, &x) })
	x := &next[any.below(len(next), "which is released", r.looked)]
	if !x.unseen && any.oneIn(3, "looked at first", r.looked) {
		r.lookAt(ctx, n, x)
	}
	over := r.strike(n)
	err = r.release(ctx, n, x, any.oneIn(3, "proposed only", r.looked))
	over()
	if why, refused := client.Refused(err); refused && r.stillInTurn(ctx, n, x) {
		r.w.failf("files that wait are not released in their turn", "%s: %s%s", x, why, n.suffix())
	}
}

// strike lets a node crash in one of the next syncs of its journal, or as it writes files, if the plan has crashes left
// and it comes to that before over is called.
func (r *releasePart) strike(n *switchNode) (over func()) {
	if r.left == 0 || !n.chance(0).oneIn(2, "crash", r.looked) {
		return func() {}
	}
	f := &Fault{Kind: CrashInSync, Node: n.number, For: time.Second, Keeps: []int{0, 50, 100}[r.left%3]}
	most := 5
	if r.left%2 == 0 {
		f.Kind, most = CrashInFiles, 12
	}
	disarm := r.w.arm(f, 1+n.chance(0).below(most, "which sync", r.looked))
	return func() {
		if disarm() {
			r.left--
		}
	}
}

// release has operators release what waits, or one of them propose it.
func (r *releasePart) release(ctx context.Context, n *switchNode, x *unreleased, proposed bool) error {
	ask := func(api *client.Client) error {
		_, err := api.Release(ctx, x.date, x.of)
		return err
	}
	by := n.decides
	if proposed {
		by = func(ask func(*client.Client) error) error { return ask(n.api()) }
	}
	err := by(ask)
	switch {
	case err == nil:
		r.w.faults.add("clearing files released", 1)
	case waitsForAnother(err):
		r.w.faults.add("release of clearing files proposed", 1)
		return nil
	}
	return err
}

// outOfTurn asks for the release of what waits behind something: nobody may so much as propose it.
func (r *releasePart) outOfTurn(ctx context.Context, n *switchNode, x *unreleased) {
	_, err := n.api().Release(ctx, x.date, x.of)
	why, refused := client.Refused(err)
	if refused {
		r.w.faults.add("release out of turn", 1)
	}
	if err != nil && !waitsForAnother(err) || refused && strings.Contains(why, "the same identity twice") {
		return // proposed before what it waits behind was sealed
	}
	if list, failed := waitingAt(ctx, n); failed == nil && slices.ContainsFunc(list, x.behind) {
		r.w.failf("I8 files are released out of their turn", "%s: %v%s", x, err, n.suffix())
	}
}

// refuse has operators refuse the last of the dates that wait, or the first one: of that nothing comes where a later
// one has files.
func (r *releasePart) refuse(ctx context.Context, n *switchNode, list []unreleased) {
	dates := slices.DeleteFunc(slices.Clone(list), func(x unreleased) bool { return x.of != cutover.WindowName{} })
	if len(dates) == 0 {
		return
	}
	x := &dates[len(dates)-1]
	if n.chance(0).oneIn(4, "refused though it may not be", r.looked) {
		x = &dates[0]
	}
	over := r.strike(n)
	err := n.decides(func(api *client.Client) error {
		_, err := api.Refuse(ctx, x.date, "a wrong category")
		return err
	})
	over()
	why, refused := client.Refused(err)
	if !refused {
		r.refuses-- // or nobody knows
	}
	if err == nil {
		r.w.faults.add("clearing files refused", 1)
	}
	if !refused {
		return
	}
	still, failed := waitingAt(ctx, n)
	switch waits := slices.ContainsFunc(still, x.is); {
	case failed != nil:
	case strings.Contains(why, "a later date has files"), strings.Contains(why, "a file of it is released already"):
		if r.w.faults.add("refusal of clearing files refused", 1); !waits {
			r.w.failf("I8 what is not refused waits no more", "%s: %s%s", x, why, n.suffix())
		}
	case waits:
		r.w.failf("files that wait are not refused", "%s: %s%s", x, why, n.suffix())
	}
}

// unrest implements hastens: each date that is closed has its files, or waits: what stands in one that is refused is
// carried on.
func (r *releasePart) unrest() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, n := range r.w.nodes {
		days, err := n.api().Days(ctx)
		if err != nil {
			return err.Error()
		}
		for i := range days {
			if !isDone(&days[i]) {
				return "business date " + days[i].Date + " is " + days[i].State + n.suffix()
			}
		}
	}
	return ""
}

// close implements closes: what was refused leaves with a date more.
func (r *releasePart) close(n *switchNode) {
	for range r.Refuse {
		if !n.carries() {
			return
		}
		r.w.faults.add("date closed for what was carried", 1)
		n.cutover(true)
	}
	if n.carries() {
		r.w.failf("I8 what is carried is never cleared", "after %d dates more%s", r.Refuse, n.suffix())
	}
}

// carries tells whether what stands in a date may leave with a later one though a record can be built of it.
func (p *Plan) carries() bool {
	_, holidays := sectionOf[*holidaysSection](p)
	release, _ := sectionOf[releaseSection](p)
	return holidays || release.Refuse > 0
}

// refusedDates are the dates of a node whose files were refused.
func refusedDates(b *books) (map[string]bool, error) {
	var days []operator.DayExport
	if err := json.Unmarshal(b.days, &days); err != nil {
		return nil, err
	}
	refused := map[string]bool{}
	for i := range days {
		of, err := filingOf(&days[i])
		if err != nil {
			return nil, err
		}
		if of.Refused != nil {
			refused[days[i].Date] = true
		}
	}
	return refused, nil
}

// stillInTurn tells whether something waits yet, and behind nothing. What was read before may be over by now.
func (r *releasePart) stillInTurn(ctx context.Context, n *switchNode, x *unreleased) bool {
	list, err := waitingAt(ctx, n)
	return err == nil && slices.ContainsFunc(list, x.is) && inTurn(list, x)
}

// letOut has everything released that waits at a node, in quiet times; unless it must it may fail.
func (n *switchNode) letOut(must bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, r := range partsOf[*releasePart](n.w) {
		if err := r.releaseAll(ctx, n); err != nil && must {
			r.w.failf("files that wait cannot be released in quiet times", "%v%s", err, n.suffix())
		}
	}
}

func (r *releasePart) releaseAll(ctx context.Context, n *switchNode) error {
	for {
		list, err := waitingAt(ctx, n)
		if err != nil || len(list) == 0 {
			return err
		}
		r.looked++
		x := &list[max(0, slices.IndexFunc(list, func(x unreleased) bool { return inTurn(list, &x) }))]
		if last := slices.IndexFunc(list, x.dated); last > 0 && n.chance(0).oneIn(2, "windows with their date", r.looked) &&
			inTurn(list, &list[last]) {
			x = &list[last]
		}
		if err := r.release(ctx, n, x, false); err != nil {
			return fmt.Errorf("%s: %w", x, err)
		}
	}
}

// lookAt makes the files of something that waits elsewhere, as whoever is to release them would.
func (r *releasePart) lookAt(ctx context.Context, n *switchNode, x *unreleased) {
	dir := fmt.Sprintf("/looked-at-%d", r.looked)
	if _, err := n.api().RebuildClearing(ctx, x.date, dir); err != nil {
		if why, refused := client.Refused(err); refused {
			r.w.failf("files that wait cannot be looked at", "%s: %s%s", x, why, n.suffix())
		}
		return // the disk may be full, or fail
	}
	sums := map[string]string{}
	err := n.walkIn(dir, func(path string, text []byte) error {
		sums[clearingFolder+x.date+"/"+path[strings.LastIndexByte(path, '/')+1:]] = sumOf(text)
		return nil
	})
	if err != nil {
		return // it has crashed
	}
	r.w.faults.add("clearing files looked at before their release", 1)
	for path, sum := range sums {
		name := n.name + " " + path
		if was := r.seen[name]; was != "" && was != sum {
			r.w.failf("I8 what a file will be changes before its release", "%s: %s, now %s", name, was, sum)
		}
		r.seen[name] = sum
	}
}

// notThere wants that nothing of what waits stands in the clearing folder.
func (r *releasePart) notThere(ctx context.Context, n *switchNode, list []unreleased) {
	if r.w.putBack.Load() {
		return // it was released, and the journal does not know
	}
	stands := map[string]string{} // by file id
	err := n.walkIn(clearingFolder[:len(clearingFolder)-1], func(path string, _ []byte) error {
		id, _, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
		stands[id] = path
		return nil
	})
	early := slices.DeleteFunc(slices.Clone(list), func(x unreleased) bool {
		return !slices.ContainsFunc(x.files, func(id string) bool { return stands[id] != "" })
	})
	if err != nil || len(early) == 0 {
		return
	}
	still, err := waitingAt(ctx, n) // a call of which no answer came may have gone on meanwhile
	for i := range early {
		if err == nil && slices.ContainsFunc(still, early[i].is) {
			r.w.failf("I8 a file stands there before its release", "%s%s", &early[i], n.suffix())
		}
	}
}

// check implements checks: nothing waits, what was looked at is what was released, where files wait in all lives each
// was released by two people, and what was refused is not there.
func (r *releasePart) check(all []*books) {
	for _, b := range all {
		var days []operator.DayExport
		if err := json.Unmarshal(b.days, &days); err != nil {
			r.w.failf("the books cannot be read", "%v", err)
			return
		}
		for i := range days {
			r.ended(b, &days[i])
		}
		refused, err := refusedDates(b)
		if err != nil {
			r.w.failf("the books cannot be read", "%v", err)
			return
		}
		r.asSeen(b, refused)
	}
}

// ended holds the record of a date in the end.
func (r *releasePart) ended(b *books, d *operator.DayExport) {
	of, err := filingOf(d)
	if err != nil {
		r.w.failf("the books cannot be read", "%v", err)
		return
	}
	if of.Refused != nil && (d.State != "written" || len(of.Files)+len(of.Windows) > 0) {
		r.w.failf("I8 a date that is refused has files", "%s, %s: %s%s", d.Date, d.State, d.Data, b.node.suffix())
	}
	for _, part := range of.parts() {
		switch {
		case part.waits():
			r.w.failf("I8 files wait in the end", "%s, %s: %s%s", d.Date, d.State, d.Data, b.node.suffix())
		case len(part.Files) > 0 && r.Away == 0 && (part.Release == nil || !strings.Contains(part.Release.By, " and ")):
			r.w.failf("I8 files are not released by two people", "%s: %s%s", d.Date, d.Data, b.node.suffix())
		}
	}
}

// asSeen wants that the files that somebody looked at before their release have the bytes that they had then, and that
// those of dates that were refused are not there.
func (r *releasePart) asSeen(b *books, refused map[string]bool) {
	dateOf := func(path string) string {
		date, _, _ := strings.Cut(strings.TrimPrefix(path, clearingFolder), "/")
		return date
	}
	left := map[string]string{}
	for name, sum := range r.seen {
		if path, ours := strings.CutPrefix(name, b.node.name+" "); ours {
			left[path] = sum
		}
	}
	err := b.node.walk(func(path string, text []byte) error {
		if isClearing(path) && refused[dateOf(path)] {
			r.w.failf("I8 a date that is refused has a file", "%s%s", path, b.node.suffix())
		}
		if sum := left[path]; sum != "" && sum != sumOf(text) {
			r.w.failf("I8 a released file is not what was looked at", "%s%s", path, b.node.suffix())
		}
		delete(left, path)
		return nil
	})
	if err != nil {
		r.w.failf("the disk cannot be read", "%v", err)
	}
	for path := range left {
		if !refused[dateOf(path)] {
			r.w.failf("I8 a file that was looked at is not there in the end", "%s%s", path, b.node.suffix())
		}
	}
}

// unreleased is a window whose files wait, or a date as a whole.
type unreleased struct {
	date   string
	of     cutover.WindowName
	files  []string // their ids; of a date with those of its windows that wait
	goesTo []string // the destinations of these
	after  []string // the dates that waited when they were fixed
	unseen bool     // what they will be is not fixed yet: the clearing folder could not be read when they were sealed
}

// String says what waits.
func (x *unreleased) String() string {
	if x.of == (cutover.WindowName{}) {
		return fmt.Sprintf("%s, files %s", x.date, x.files)
	}
	return fmt.Sprintf("window %d of %s of %s, files %s", x.of.Window, x.of.Destination, x.date, x.files)
}

func (x *unreleased) is(other unreleased) bool { return x.date == other.date && x.of == other.of }

// dated tells whether another one is the same date as a whole.
func (x *unreleased) dated(other unreleased) bool {
	return other.date == x.date && other.of == cutover.WindowName{}
}

// behind tells whether another one is to be released first.
func (x *unreleased) behind(other unreleased) bool {
	if other.date != x.date {
		return slices.Contains(x.after, other.date) &&
			slices.ContainsFunc(x.goesTo, func(name string) bool { return slices.Contains(other.goesTo, name) })
	}
	return x.of.Destination == other.of.Destination && other.of.Window < x.of.Window
}

// inTurn tells whether nothing of a list is to be released before something.
func inTurn(list []unreleased, x *unreleased) bool { return !slices.ContainsFunc(list, x.behind) }

// waitingAt is what waits at a node, by date, and of a date its windows first.
func waitingAt(ctx context.Context, n *switchNode) (list []unreleased, err error) {
	days, err := n.api().Days(ctx)
	if err != nil {
		return nil, err
	}
	for i := range days {
		d := &days[i]
		of, err := filingOf(d)
		if err != nil {
			return nil, err
		}
		whole := unreleased{date: d.Date, unseen: of.Unseen}
		for _, part := range of.parts() {
			if !part.waits() {
				continue
			}
			x := unreleased{date: d.Date, unseen: of.Unseen}
			x.of = cutover.WindowName{Destination: part.Destination, Window: part.Window}
			x.after = part.Release.Behind
			whole.after = append(whole.after, x.after...)
			for _, f := range part.Files {
				x.files, x.goesTo = append(x.files, f.id), append(x.goesTo, f.Destination)
			}
			whole.files, whole.goesTo = append(whole.files, x.files...), append(whole.goesTo, x.goesTo...)
			switch {
			case part.Window == 0:
				list = append(list, whole)
			case len(x.files) > 0: // else it is being filled
				list = append(list, x)
			}
		}
	}
	return list, nil
}

// filing is what the record of a date says of its files, or of those of one of its windows: a reading of its own, not
// the switch's type.
type filing struct {
	Destination string    `json:"destination"`
	Window      int       `json:"window"`
	Windows     []*filing `json:"windows"`
	Files       []struct {
		Destination string `json:"destination"`
		id          string // PDS0105
	} `json:"files"`
	Release *struct {
		By     string   `json:"by"`
		Behind []string `json:"behind"`
	} `json:"release"`
	Unseen  bool `json:"unseen"`
	Refused *struct {
		By string `json:"by"`
	} `json:"refused"`
}

// waits tells whether files are not to be there before people have released them.
func (f *filing) waits() bool { return f.Release != nil && f.Release.By == "" }

// parts are the windows of a date, and the date itself.
func (f *filing) parts() []*filing { return append(slices.Clone(f.Windows), f) }

func filingOf(d *operator.DayExport) (*filing, error) {
	of := &filing{}
	if len(d.Data) == 0 {
		return of, nil
	}
	if err := json.Unmarshal(d.Data, of); err != nil {
		return nil, fmt.Errorf("record of %s: %w", d.Date, err)
	}
	date, err := payment.ParseDate(d.Date)
	if err != nil {
		return nil, err
	}
	named, _, err := cutover.SealedFiles(journal.Day{Date: date, Data: d.Data})
	if err != nil {
		return nil, err
	}
	for _, part := range of.parts() {
		for i := range part.Files {
			if len(named) == 0 {
				return nil, fmt.Errorf("record of %s: a file without an id: %s", d.Date, d.Data)
			}
			part.Files[i].id, named = named[0].FileID, named[1:]
		}
	}
	return of, nil
}
