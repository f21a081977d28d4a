"""Names that a great many others share: content networks, hosting, sign-in and app services.

A list may name one customer's host below them, never the whole: with it, half the web would go.
"""

SHARED_NAMES = (
    # Akamai
    *("akadns.net", "akamai.com", "akamai.net", "akamaiedge.net", "akamaihd.net", "akamaized.net"),
    *("akstat.io", "edgekey.net", "edgesuite.net"),
    # Amazon
    *("amazonaws.com", "awsglobalaccelerator.com", "cloudfront.net", "elasticbeanstalk.com"),
    # Apple
    *("aaplimg.com", "apple.com", "icloud.com", "mzstatic.com"),
    # Cloudflare
    *("cloudflare.com", "cloudflare.net", "pages.dev", "workers.dev"),
    # Fastly
    *("fastly.com", "fastly.net", "fastlylb.net"),
    # Google
    *("appspot.com", "firebaseapp.com", "ggpht.com", "google.co.uk", "google.com"),
    *("googleapis.com", "googleusercontent.com", "googlevideo.com", "gstatic.com", "recaptcha.net"),
    # Microsoft
    *(
        "azure.com",
        "azureedge.net",
        "azurefd.net",
        "azurewebsites.net",
        "live.com",
        "microsoft.com",
    ),
    *("microsoftonline.com", "msedge.net", "msftauth.net", "office.com", "office.net"),
    *("office365.com", "sharepoint.com", "trafficmanager.net", "windows.net", "windowsupdate.com"),
    # Others
    *("b-cdn.net", "bootstrapcdn.com", "cdn77.org", "cdnjs.com", "cloudinary.com"),
    *("digitaloceanspaces.com", "edgecastcdn.net", "footprint.net", "github.com", "github.io"),
    *("githubusercontent.com", "hwcdn.net", "imgix.net", "incapdns.net", "jquery.com"),
    *("jsdelivr.net", "llnwd.net", "netlify.app", "stackpathdns.com", "typekit.net", "unpkg.com"),
    *("vercel.app", "wp.com"),
)
