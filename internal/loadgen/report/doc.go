// Package report shows a run of load: as text for people, as the object of --json, as a log of HdrHistogram, as CSV by
// the second, and as one HTML file that needs no network.
//
// Everything is made of a [record.Run] alone, so that a report can be made anew from a run that was kept. What was not
// measured is left out or empty, never 0. The pictures are drawn by uPlot, which the HTML file has in it.
package report
