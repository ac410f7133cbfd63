// Package arrival says when requests are due in an open loop: moments since the beginning of a run, each no earlier
// than the one before, fixed before anything is sent. Nothing that a target does moves them; that is what makes a loop
// open.
//
// A [Schedule] gives them one by one. It comes from
//
//   - a [Profile]: stages of a rate that is constant, rises or falls in a line, swings as a sine, or has a spike.
//     Arrivals are spaced evenly, or are a Poisson process, as the requests of many who know nothing of each other are;
//   - [Times]: moments that somebody wrote down, or that a capture of a network has ([ReadTimes]).
//
// A profile is not stepped through in small spans of time: arrival number k is due when the integral of the rate
// reaches k, or the sum of k exponential draws, solved for the time. So a rate of a million a second that falls to one
// is as exact as a constant one, and the number of arrivals of a stage is its area.
package arrival
