// Medians and quantiles of measurements, and the clocks they are read from.
#pragma once

#include <vector>

namespace tessera::bench {

// The p-quantile by nearest rank, p in [0, 1]; 0 if there are no values.
double Quantile(std::vector<double> values, double p);
// The middle value, the mean of the two middle ones of an even number; 0 if there are none.
double Median(std::vector<double> values);

double WallSeconds();        // monotonic
double ThreadCpuSeconds();   // of the calling thread
double ProcessCpuSeconds();  // of all threads together

}  // namespace tessera::bench
