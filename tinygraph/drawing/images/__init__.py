"""Arrays as small pictures in their cards.

The files:

    images      which values are images, and how many a card shows
    thumbnails  the images of a value as one small picture
    png         PNG files
"""
